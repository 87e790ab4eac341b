"""Taints and tolerations."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.machinery.names import label_value_problems
from apiserver.resources.builtin.parts.names import validate_qualified_name

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS: Final = ("Equal", "Exists")
# Operators of a feature that is off.
_COMPARISONS: Final = ("Lt", "Gt")


def validate_effect(effect: str, path: str) -> list[FieldError]:
    """Reject a value that is not an effect of a taint."""
    if effect in EFFECTS:
        return []
    return [not_supported(path, effect, EFFECTS) if effect else required(path)]


def validate_tolerations(tolerations: list[dict[str, Any]], path: str) -> list[FieldError]:
    """Validate tolerations."""
    errors: list[FieldError] = []
    for index, toleration in enumerate(tolerations):
        if not _is_usual(toleration):
            errors += _toleration(toleration, f"{path}[{index}]")
    return errors


def _is_usual(toleration: dict[str, Any]) -> bool:
    # Those that admission adds to every Pod.
    return (
        toleration.get("operator") == "Exists"
        and toleration.get("effect") == "NoExecute"
        and toleration.get("key", "").startswith("node.kubernetes.io/")
        and toleration["key"][19:] in ("not-ready", "unreachable")
        and "value" not in toleration
    )


def _toleration(toleration: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    key, operator = toleration.get("key", ""), toleration.get("operator", "")
    value, effect = toleration.get("value", ""), toleration.get("effect", "")
    if key:
        errors += validate_qualified_name(key, f"{path}.key")
    elif operator != "Exists":
        detail = (
            "operator must be Exists when `key` is empty, which means "
            '"match all values and all keys"'
        )
        errors.append(invalid(f"{path}.operator", operator, detail))
    if "tolerationSeconds" in toleration and effect != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        errors.append(invalid(f"{path}.effect", effect, detail))
    if operator in ("", "Equal"):
        problems = label_value_problems(value)
        if problems:
            errors.append(invalid(f"{path}.operator", value, ";".join(problems)))
    elif operator != "Exists":
        known = (*_OPERATORS, *_COMPARISONS) if operator in _COMPARISONS else _OPERATORS
        errors.append(not_supported(f"{path}.operator", operator, known))
    elif value:
        detail = "value must be empty when `operator` is 'Exists'"
        errors.append(invalid(f"{path}.operator", value, detail))
    return errors + (validate_effect(effect, f"{path}.effect") if effect else [])
