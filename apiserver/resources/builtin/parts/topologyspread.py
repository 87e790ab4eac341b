"""Constraints on how Pods spread over nodes, zones..."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.resources.builtin.parts.affinity import merged_key_errors
from apiserver.resources.builtin.parts.labelselector import validate_label_selector
from apiserver.resources.builtin.parts.names import validate_qualified_name
from apiserver.resources.builtin.parts.numbers import NOT_POSITIVE
from apiserver.resources.builtin.parts.podrules import PodRules

_ACTIONS: Final = ("DoNotSchedule", "ScheduleAnyway")
_POLICIES: Final = ("Honor", "Ignore")


def validate_topology_spread(
    constraints: list[dict[str, Any]], path: str, rules: PodRules
) -> list[FieldError]:
    """Validate spread constraints."""
    errors: list[FieldError] = []
    last = {_pair(constraint): index for index, constraint in enumerate(constraints)}
    for index, constraint in enumerate(constraints):
        where = f"{path}[{index}]"
        repeated = last[_pair(constraint)] > index
        errors += _constraint(constraint, where, repeated=repeated)
        selector, keys = constraint.get("labelSelector"), constraint.get("matchLabelKeys")
        if keys and not rules.any_spread_keys:
            errors += spread_key_errors(keys, selector, f"{where}.matchLabelKeys")
        if not rules.any_spread_selector:
            errors += validate_label_selector(selector, f"{where}.labelSelector")
    return errors


def _pair(constraint: Mapping[str, Any]) -> tuple[str, str]:
    return constraint.get("topologyKey", ""), constraint.get("whenUnsatisfiable", "")


def _constraint(constraint: Mapping[str, Any], path: str, *, repeated: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    skew, (key, action) = constraint["maxSkew"], _pair(constraint)
    if skew <= 0:
        errors.append(invalid(f"{path}.maxSkew", skew, NOT_POSITIVE))
    if not key:
        errors.append(required(f"{path}.topologyKey", "can not be empty"))
    if action not in _ACTIONS:
        errors.append(not_supported(f"{path}.whenUnsatisfiable", action, _ACTIONS))
    if repeated:
        where = f"{path}.{{topologyKey, whenUnsatisfiable}}"
        errors.append(duplicate(where, f"{{{key}, {action}}}"))
    domains = constraint.get("minDomains")
    if domains is not None:
        where = f"{path}.minDomains"
        if domains <= 0:
            errors.append(invalid(where, domains, NOT_POSITIVE))
        if action != "DoNotSchedule":
            detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            errors.append(invalid(where, domains, detail))
    for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        policy = constraint.get(name)
        if policy is not None and policy not in _POLICIES:
            errors.append(not_supported(f"{path}.{name}", policy, _POLICIES))
    return errors


def spread_key_errors(
    keys: list[str], selector: Mapping[str, Any] | None, path: str
) -> list[FieldError]:
    """Validate the label keys of a spread constraint."""
    errors: list[FieldError] = []
    if selector is None:
        errors.append(forbidden(path, "must not be specified when labelSelector is not set"))
    for index, key in enumerate(keys):
        errors += validate_qualified_name(key, f"{path}[{index}]")
    return errors + merged_key_errors(keys, selector or {}, path)
