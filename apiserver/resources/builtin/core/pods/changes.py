"""The fields of a Pod that an update of the main resource may change.

These are images; activeDeadlineSeconds, which may be set and then decreased; tolerations, which may
be added, and the tolerationSeconds of the others; scheduling gates, which may be removed, and, as
long as there are any, node selectors, which may become narrower. The rest of the spec is compared
as a whole, and the error shows the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.empties import copied
from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.core.pods.placement import (
    validate_affinity_change,
    validate_selector_change,
    with_node_affinity,
)
from apiserver.resources.builtin.core.pods.rules import validate_annotations_of_update
from apiserver.resources.builtin.parts.containers import validate_image
from apiserver.resources.builtin.parts.difference import difference
from apiserver.resources.builtin.parts.numbers import MAX_INT32, range_problem
from apiserver.resources.builtin.parts.tolerations import validate_tolerations
from apiserver.schema.internalform import internal_form

Spec = Mapping[str, Any]

_REFUSAL: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)"
)


def validate_changes(pod: Object, old: Object) -> list[FieldError]:
    """Validate the changes between an old Pod and a new one."""
    errors = validate_annotations_of_update(pod, old)
    spec, before = pod["spec"], old["spec"]
    for part in ("containers", "initContainers"):
        found, comparable = _containers(spec.get(part) or [], before.get(part) or [], part)
        errors += found
        if not comparable:
            return errors
    found, comparable = _deadline(spec, before)
    errors += found
    if not comparable:
        return errors
    errors += _tolerations(spec.get("tolerations") or [], before.get("tolerations") or [])
    errors += _gates(spec.get("schedulingGates") or [], before.get("schedulingGates") or [])
    if spec == before:
        return errors
    return errors + _rest(spec, before)


def _containers(
    containers: list[dict[str, Any]], old: list[dict[str, Any]], part: str
) -> tuple[list[FieldError], bool]:
    path = f"spec.{part}"
    if len(containers) != len(old):
        return [forbidden(path, "pod updates may not add or remove containers")], False
    errors: list[FieldError] = []
    for index, container in enumerate(containers):
        if not container.get("image"):
            errors.append(required(f"{path}[{index}].image"))
        errors += validate_image(container, f"{path}[{index}]")
    return errors, True


def _deadline(spec: Spec, old: Spec) -> tuple[list[FieldError], bool]:
    deadline, before = spec.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds")
    path = "spec.activeDeadlineSeconds"
    if deadline is None:
        if before is None:
            return [], True
        detail = "must not update from a positive integer to nil value"
        return [invalid(path, None, detail)], True
    if not 0 <= deadline <= MAX_INT32:
        return [invalid(path, deadline, range_problem(0, MAX_INT32))], False
    if before is not None and before < deadline:
        return [invalid(path, deadline, "must be less than or equal to previous value")], False
    return [], True


def _tolerations(tolerations: list[dict[str, Any]], old: list[dict[str, Any]]) -> list[FieldError]:
    if tolerations == old:
        return validate_tolerations(tolerations, "spec.tolerations")
    there = set(map(_lasting, tolerations))
    if any(_lasting(toleration) not in there for toleration in old):
        detail = "existing toleration can not be modified except its tolerationSeconds"
        return [forbidden("spec.tolerations", detail)]
    return validate_tolerations(tolerations, "spec.tolerations")


def _lasting(toleration: dict[str, Any]) -> frozenset[tuple[str, Any]]:
    return frozenset(item for item in toleration.items() if item[0] != "tolerationSeconds")


def _gates(gates: list[dict[str, Any]], old: list[dict[str, Any]]) -> list[FieldError]:
    known = {gate["name"] for gate in old}
    # If two have the same name, the last one counts.
    added = {gate["name"]: index for index, gate in enumerate(gates) if gate["name"] not in known}
    return [
        forbidden(
            f"spec.schedulingGates[{index}].name",
            f"only deletion is allowed, but found new scheduling gate '{name}'",
        )
        for name, index in added.items()
    ]


def _rest(spec: Spec, old: Spec) -> list[FieldError]:
    munged = copied(spec)
    for part in ("containers", "initContainers"):
        if part in spec:
            pairs = zip(spec[part], old[part], strict=True)
            munged[part] = [_taking(mine, "image", its) for mine, its in pairs]
    for member in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        munged = _taking(munged, member, old)
    grace = "terminationGracePeriodSeconds"
    if old.get(grace, 0) < 0 and munged.get(grace) == 1:
        munged[grace] = old[grace]
    errors: list[FieldError] = []
    if old.get("schedulingGates"):
        if munged.get("nodeSelector") != old.get("nodeSelector"):
            errors += validate_selector_change(
                munged.get("nodeSelector") or {}, old.get("nodeSelector") or {}
            )
            munged = _taking(munged, "nodeSelector", old)
        errors += validate_affinity_change(munged, old)
        munged = with_node_affinity(munged, old)
    if munged != old:
        errors.append(forbidden("spec", f"{_REFUSAL}\n{spec_difference(old, munged)}"))
    return errors


def spec_difference(old: Spec, new: Spec) -> str:
    """Return the difference of two specs, as error messages show it."""
    name = "core.v1.PodSpec"
    return difference(internal_form(name, old), internal_form(name, new))


def _taking(owner: Spec, member: str, other: Spec) -> dict[str, Any]:
    kept = copied(owner)
    kept.pop(member, None)
    if member in other:
        kept[member] = other[member]
    return kept
