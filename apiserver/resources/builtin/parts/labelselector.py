"""LabelSelector objects: ``matchLabels`` and ``matchExpressions``.

No selector (``None``) selects nothing, an empty one everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required
from apiserver.machinery.labels import OPERATORS, label_selector_of
from apiserver.resources.builtin.parts.names import validate_label_value, validate_qualified_name

IN, NOT_IN, EXISTS, DOES_NOT_EXIST = "In", "NotIn", "Exists", "DoesNotExist"


def validate_labels(labels: Mapping[str, str] | None, path: str) -> list[FieldError]:
    """Reject keys and values that labels may not have; no error names the key in its path."""
    errors: list[FieldError] = []
    for key, value in (labels or {}).items():
        errors += validate_qualified_name(key, path)
        errors += validate_label_value(value, path)
    return errors


def validate_label_selector(
    selector: Mapping[str, Any] | None, path: str, *, lenient: bool = False
) -> list[FieldError]:
    """Validate a selector; ``lenient``: expressions may have any value."""
    if not selector:
        return []
    errors = validate_labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for index, requirement in enumerate(selector.get("matchExpressions") or ()):
        where = f"{path}.matchExpressions[{index}]"
        errors += _requirement(requirement, where, lenient=lenient)
    return errors


def _requirement(requirement: dict[str, Any], path: str, *, lenient: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    operator, values = requirement.get("operator") or "", requirement.get("values") or []
    if operator in (IN, NOT_IN):
        if not values:
            detail = "must be specified when `operator` is 'In' or 'NotIn'"
            errors.append(required(f"{path}.values", detail))
    elif operator in (EXISTS, DOES_NOT_EXIST):
        if values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(forbidden(f"{path}.values", detail))
    else:
        errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    key = requirement.get("key") or ""
    errors += validate_qualified_name(key, f"{path}.key")
    if not lenient:
        for index, value in enumerate(values):
            errors += validate_label_value(value, f"{path}.values[{index}]")
    return errors


def selector_matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str] | None) -> bool:
    """Return whether a selector selects an object with these labels. Raises ValueError."""
    conditions = label_selector_of(selector)
    return conditions is not None and conditions.matches(labels or {})


def is_empty(selector: Mapping[str, Any] | None) -> bool:
    """Return whether a selector has no condition, as one that is not there has none."""
    return not selector or not (selector.get("matchLabels") or selector.get("matchExpressions"))


def format_map(labels: Mapping[str, str] | None) -> str:
    """Show labels as printers do: ``a=b,c=d``, sorted, or ``<none>``."""
    if not labels:
        return "<none>"
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def show_struct(selector: Mapping[str, Any]) -> str:
    """Show a selector as the struct that it is, as printers of references to parameters do."""
    labels = sorted((selector.get("matchLabels") or {}).items())
    shown = "".join(f"{key}: {value}," for key, value in labels)
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{expression.get('key', '')},"
        f"Operator:{expression.get('operator', '')},"
        f"Values:[{' '.join(expression.get('values') or ())}],}},"
        for expression in selector.get("matchExpressions") or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{shown}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )


def format_selector(selector: Mapping[str, Any] | None) -> str:
    """Show a selector as printers do: ``a=b,c in (d,e)``, ``<none>`` when it has no condition."""
    if is_empty(selector):
        return "<none>"
    assert selector is not None
    shown = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, operator = expression["key"], expression.get("operator", "")
        if operator not in OPERATORS:
            return "<error>"
        values = ",".join(sorted(set(expression.get("values") or ())))
        text = {
            IN: f"{key} in ({values})",
            NOT_IN: f"{key} notin ({values})",
            EXISTS: key,
            DOES_NOT_EXIST: f"!{key}",
        }[operator]
        shown.append((key, text))
    return ",".join(text for _, text in sorted(shown, key=lambda pair: pair[0]))
