"""PersistentVolumeClaimSpec, in claims and in the templates that Pods and StatefulSets have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.resources.builtin.parts.labelselector import validate_label_selector
from apiserver.resources.builtin.parts.names import validate_dns_label, validate_dns_subdomain
from apiserver.resources.builtin.parts.numbers import NOT_POSITIVE
from apiserver.resources.builtin.parts.resources import STORAGE, amount, default_quantities

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES: Final = ("Block", "Filesystem")
_ONE_POD: Final = "ReadWriteOncePod"


def default_claim_spec(spec: dict[str, Any]) -> None:
    """Set the defaults of a claim, in place."""
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    for part in ("limits", "requests"):
        if part in spec["resources"]:
            default_quantities(spec["resources"][part])


def validate_claim_spec(
    spec: Mapping[str, Any], path: str, *, lenient: bool = False, any_group: bool = False
) -> list[FieldError]:
    """Validate a claim.

    ``lenient``: its selector may have any value; ``any_group``: the groups of its sources, too.
    """
    errors: list[FieldError] = []
    modes = spec.get("accessModes") or ()
    if not modes:
        errors.append(required(f"{path}.accessModes", "at least 1 access mode is required"))
    if "selector" in spec:
        errors += validate_label_selector(spec["selector"], f"{path}.selector", lenient=lenient)
    errors += validate_access_modes(modes, f"{path}.accessModes")
    errors += _storage(spec, f"{path}.resources[{STORAGE}]")
    if spec.get("storageClassName"):
        errors += validate_dns_subdomain(spec["storageClassName"], f"{path}.storageClassName")
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        errors.append(not_supported(f"{path}.volumeMode", mode, VOLUME_MODES))
    errors += _sources(spec, path, any_group=any_group)
    if spec.get("volumeAttributesClassName"):
        name = spec["volumeAttributesClassName"]
        errors += validate_dns_subdomain(name, f"{path}.volumeAttributesClassName")
    return errors


def validate_access_modes(modes: tuple[str, ...] | list[str], path: str) -> list[FieldError]:
    """Reject unknown modes and invalid combinations of modes."""
    errors = [not_supported(path, mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES]
    others = any(mode in ACCESS_MODES and mode != _ONE_POD for mode in modes)
    if _ONE_POD in modes and others:
        errors.append(forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return errors


def _storage(spec: Mapping[str, Any], path: str) -> list[FieldError]:
    text = (spec["resources"].get("requests") or {}).get(STORAGE)
    if text is None:
        return [required(path)]
    return [] if amount(text) > 0 else [invalid(path, text, NOT_POSITIVE)]


def _sources(spec: Mapping[str, Any], path: str, *, any_group: bool) -> list[FieldError]:
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    errors: list[FieldError] = []
    if source is not None:
        errors += _reference(source, f"{path}.dataSource", any_group=any_group)
    if reference is not None:
        errors += _reference(reference, f"{path}.dataSourceRef", any_group=any_group)
        if reference.get("namespace"):
            where = f"{path}.dataSourceRef.namespace"
            errors += validate_dns_label(reference["namespace"], where)
    if source is None or reference is None:
        return errors
    # The path that messages are meant to show is a struct without public members.
    if reference.get("namespace"):
        detail = "may not be specified when dataSourceRef.namespace is specified"
        errors.append(invalid(path, {}, detail))
    elif any(source.get(name) != reference.get(name) for name in ("apiGroup", "kind", "name")):
        errors.append(invalid(path, {}, "must match dataSourceRef"))
    return errors


def _reference(reference: Mapping[str, Any], path: str, *, any_group: bool) -> list[FieldError]:
    errors = [required(f"{path}.{name}") for name in ("name", "kind") if not reference.get(name)]
    group, kind = reference.get("apiGroup") or "", reference.get("kind", "")
    if not group and kind != "PersistentVolumeClaim":
        detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        errors.append(invalid(path, kind, detail))
    if group and not any_group:
        problems = dns1123_subdomain_problems(group)
        errors += [invalid(f"{path}.apiGroup", group, problem) for problem in problems]
    return errors
