"""Restart policies of containers, and resize policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
    too_many,
)

POD_POLICIES: Final = ("Always", "OnFailure", "Never")
_CONTAINER_POLICIES: Final = ("Always", "Never", "OnFailure")
_ACTIONS: Final = ("Restart", "RestartAllContainers")
_OPERATORS: Final = ("In", "NotIn")
_MAX_RULES, _MAX_CODES = 20, 255

_RESIZABLE: Final = ("cpu", "memory")
_RESIZE_POLICIES: Final = ("NotRequired", "RestartContainer")


def validate_restart_policy(container: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate the restart policy of one container and its rules."""
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    if policy is None and not rules:
        return []
    where = f"{path}.restartPolicy"
    errors: list[FieldError] = []
    if policy is None:
        errors.append(required(where, "must specify restartPolicy when restart rules are used"))
    elif policy not in _CONTAINER_POLICIES:
        errors.append(not_supported(where, policy, _CONTAINER_POLICIES))
    if len(rules) > _MAX_RULES:
        errors.append(too_many(f"{path}.restartPolicyRules", len(rules), _MAX_RULES))
    for index, rule in enumerate(rules):
        errors += _rule(rule, f"{path}.restartPolicyRules[{index}]")
    return errors


def _rule(rule: Mapping[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    action, codes = rule.get("action", ""), rule.get("exitCodes")
    if action not in _ACTIONS:
        errors.append(not_supported(f"{path}.action", action, _ACTIONS))
    if codes is None:
        return [*errors, required(f"{path}.exitCodes", "must be specified")]
    operator, values = codes.get("operator", ""), codes.get("values") or ()
    if operator not in _OPERATORS:
        errors.append(not_supported(f"{path}.exitCodes.operator", operator, _OPERATORS))
    if len(values) > _MAX_CODES:
        errors.append(too_many(f"{path}.exitCodes.values", len(values), _MAX_CODES))
    return errors


def restarts_on_resize(container: Mapping[str, Any], path: str) -> list[FieldError]:
    """Reject RestartContainer as the resize policy of an ordinary init container."""
    detail = "must not be set to 'RestartContainer' for non-sidecar initContainers"
    return [
        invalid(f"{path}[{index}].restartPolicy", entry["restartPolicy"], detail)
        for index, entry in enumerate(container.get("resizePolicy") or ())
        if entry.get("restartPolicy") == "RestartContainer"
    ]


def validate_resize_policy(
    policies: list[dict[str, Any]], pod_policy: str, path: str
) -> list[FieldError]:
    """Validate the resizePolicy of a container."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, entry in enumerate(policies):
        resource, policy = entry.get("resourceName", ""), entry.get("restartPolicy", "")
        if resource in seen:
            errors.append(duplicate(f"{path}[{index}]", resource))
        seen.add(resource)
        if resource not in _RESIZABLE:
            errors.append(not_supported(path, resource, _RESIZABLE) if resource else required(path))
        if policy not in _RESIZE_POLICIES:
            supported = not_supported(path, policy, _RESIZE_POLICIES)
            errors.append(supported if policy else required(path))
        if pod_policy == "Never" and policy != "NotRequired":
            detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            errors.append(invalid(path, policy, detail))
    return errors
