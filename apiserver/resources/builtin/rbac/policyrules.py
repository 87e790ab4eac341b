"""The rules of Roles and ClusterRoles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, required

_OF_RESOURCES: Final = ("apiGroups", "resources", "resourceNames")


def validate_rules(rules: Iterable[dict[str, Any]], *, namespaced: bool) -> list[FieldError]:
    """Reject rules that allow nothing, or mix paths and resources."""
    errors: list[FieldError] = []
    for index, rule in enumerate(rules):
        errors += _validate_rule(rule, f"rules[{index}]", namespaced=namespaced)
    return errors


def _validate_rule(rule: dict[str, Any], path: str, *, namespaced: bool) -> list[FieldError]:
    errors = []
    if not rule.get("verbs"):
        errors.append(required(f"{path}.verbs", "verbs must contain at least one value"))
    urls = rule.get("nonResourceURLs")
    if urls:
        where = f"{path}.nonResourceURLs"
        if namespaced:
            detail = "namespaced rules cannot apply to non-resource URLs"
            errors.append(invalid(where, urls, detail))
        if any(rule.get(member) for member in _OF_RESOURCES):
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            errors.append(invalid(where, urls, detail))
        return errors
    if not rule.get("apiGroups"):
        detail = "resource rules must supply at least one api group"
        errors.append(required(f"{path}.apiGroups", detail))
    if not rule.get("resources"):
        detail = "resource rules must supply at least one resource"
        errors.append(required(f"{path}.resources", detail))
    return errors
