"""Annotations of Pods with a meaning, and the fields that replaced them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid
from apiserver.machinery.integers import parse_integer
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.podrules import (
    PodRules,
    annotations_of,
    names_of_containers,
)
from apiserver.resources.builtin.parts.profiles import (
    APPARMOR_OF_CONTAINER,
    SECCOMP_OF_CONTAINER,
    SECCOMP_OF_POD,
    validate_apparmor_agrees,
    validate_profile_annotations,
    validate_seccomp_agrees,
)
from apiserver.resources.builtin.parts.windows import WINDOWS, containers_with_paths

MIRROR: Final = "kubernetes.io/config.mirror"
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_PROFILES: Final = (SECCOMP_OF_POD, SECCOMP_OF_CONTAINER, APPARMOR_OF_CONTAINER)
# A plus sign and leading zeros are not in the canonical form of a number.
_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]*")


def is_deletion_cost(text: str) -> bool:
    """Return whether a text is a cost of deleting a Pod: an int32 in its usual form."""
    return bool(_NUMBER.fullmatch(text)) and -(1 << 31) <= parse_integer(text) < 1 << 31


def validate_annotations(
    annotations: Mapping[str, str], spec: Mapping[str, Any], path: str, rules: PodRules
) -> list[FieldError]:
    """Validate the annotations of a Pod or a template."""
    if not annotations:
        return []
    errors: list[FieldError] = []
    mirror, cost = annotations.get(MIRROR), annotations.get(DELETION_COST)
    if mirror is not None and not spec.get("nodeName"):
        detail = "must set spec.nodeName if mirror pod annotation is set"
        errors.append(invalid(f"{path}[{MIRROR}]", mirror, detail))
    if cost is not None and not rules.any_deletion_cost and not is_deletion_cost(cost):
        errors.append(invalid(f"{path}[{DELETION_COST}]", cost, "must be a 32bit integer"))
    if any(key.startswith(_PROFILES) for key in annotations):
        names = names_of_containers(spec)
        errors += validate_profile_annotations(annotations, names, path)
    return errors


def validate_annotation_changes(pod: Object, old_pod: Object, rules: PodRules) -> list[FieldError]:
    """Reject changes of annotations that define a Pod, and validate the new annotations."""
    new, old, path = annotations_of(pod), annotations_of(old_pod), "metadata.annotations"
    errors = []
    for key, value in old.items():
        if new.get(key) == value:
            continue
        if key.startswith(APPARMOR_OF_CONTAINER):
            detail = "may not remove or update AppArmor annotations"
            errors.append(forbidden(f"{path}[{key}]", detail))
        if key == MIRROR:
            detail = "may not remove or update mirror pod annotation"
            errors.append(forbidden(f"{path}[{key}]", detail))
    for key in new:
        if key in old:
            continue
        if key.startswith(APPARMOR_OF_CONTAINER):
            errors.append(forbidden(f"{path}[{key}]", "may not add AppArmor annotations"))
        if key == MIRROR:
            errors.append(forbidden(f"{path}[{key}]", "may not add mirror pod annotation"))
    return errors + validate_annotations(new, pod["spec"], path, rules)


def validate_agreement(
    annotations: Mapping[str, str], spec: Mapping[str, Any], path: str, *, apparmor: bool
) -> list[FieldError]:
    """Reject profiles that contradict annotations; ``apparmor``: check AppArmor profiles too."""
    if not any(key.startswith(_PROFILES) for key in annotations):
        return []
    context = spec.get("securityContext") or {}
    annotation = annotations.get(SECCOMP_OF_POD)
    where = f"{path}.securityContext.seccompProfile"
    errors = validate_seccomp_agrees(annotation, context.get("seccompProfile"), where)
    for container, place in containers_with_paths(spec, path):
        own = (container.get("securityContext") or {}).get("seccompProfile")
        annotation = annotations.get(SECCOMP_OF_CONTAINER + container["name"])
        where = f"{place}.securityContext.seccompProfile"
        errors += validate_seccomp_agrees(annotation, own, where)
    if not apparmor or (spec.get("os") or {}).get("name") == WINDOWS:
        return errors
    of_pod = context.get("appArmorProfile")
    for container, place in containers_with_paths(spec, path):
        own = (container.get("securityContext") or {}).get("appArmorProfile") or of_pod
        annotation = annotations.get(APPARMOR_OF_CONTAINER + container["name"])
        where = f"{place}.securityContext.appArmorProfile"
        errors += validate_apparmor_agrees(annotation, own, where)
    return errors
