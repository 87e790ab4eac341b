"""The field and label selectors of access reviews: validation, and what authorizers get of them.

A selector that cannot be read does not refuse the review: authorizers then see a wider request, and
the answer says which selector was ignored (KEP-4601).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required
from apiserver.machinery.fieldselectors import FieldSelector, FieldTerm, parse_field_selector
from apiserver.machinery.labels import SelectorError, parse_label_selector
from apiserver.resources.builtin.parts.names import validate_qualified_name

_PATH: Final = "spec.resourceAttributes"
_SELECTORS: Final = ("fieldSelector", "labelSelector")
_SETS: Final = ("In", "NotIn")
_KEYS: Final = ("Exists", "DoesNotExist")


def validate_selectors(attributes: Mapping[str, Any]) -> list[FieldError]:
    """Return the errors in the selectors of ``resourceAttributes``."""
    errors = []
    for member in _SELECTORS:
        if attributes.get(member) is not None:
            errors += _validate(attributes[member], f"{_PATH}.{member}", member)
    return errors


def field_selector(attributes: Mapping[str, Any]) -> tuple[FieldSelector | None, str]:
    """Return the conditions on fields that can be used, and the error of those that cannot."""
    given = attributes.get("fieldSelector")
    if given is None:
        return None, ""
    if given.get("rawSelector"):
        try:
            return parse_field_selector(given["rawSelector"]), ""
        except SelectorError:
            return None, _ignored("fieldSelector", some_used=False)
    terms: list[FieldTerm] = []
    ignored = False
    for requirement in given.get("requirements") or ():
        values: Sequence[str] = requirement.get("values") or ()
        if requirement.get("operator") in _SETS and len(values) == 1:
            equal = requirement["operator"] == "In"
            terms.append(FieldTerm(requirement["key"], equal, values[0]))
        else:
            ignored = True
    error = _ignored("fieldSelector", some_used=bool(terms)) if ignored else ""
    return (FieldSelector(tuple(terms)) if terms else None), error


def label_selector(attributes: Mapping[str, Any]) -> str:
    """Return the conditions on labels that can be used, as the text of a selector."""
    given = attributes.get("labelSelector")
    if given is None:
        return ""
    raw: str = given.get("rawSelector") or ""
    return raw or ",".join(filter(None, map(_condition, given.get("requirements") or ())))


def _condition(requirement: Mapping[str, Any]) -> str:
    key, values = requirement.get("key") or "", ",".join(requirement.get("values") or ())
    match requirement.get("operator"):
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "Exists":
            return key
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return ""


def label_selector_error(attributes: Mapping[str, Any]) -> str:
    """Return the error for conditions on labels that cannot be used."""
    given = attributes.get("labelSelector")
    if given is None:
        return ""
    if given.get("rawSelector"):
        try:
            parse_label_selector(given["rawSelector"])
        except SelectorError:
            return _ignored("labelSelector", some_used=False)
        return ""
    usable = [
        requirement.get("operator") in (*_SETS, *_KEYS)
        for requirement in given.get("requirements") or ()
    ]
    return "" if all(usable) else _ignored("labelSelector", some_used=any(usable))


def _ignored(member: str, *, some_used: bool) -> str:
    partially = "partially " if some_used else ""
    return f"{_PATH}.{member} {partially}ignored due to parse error"


def _validate(selector: Mapping[str, Any], path: str, member: str) -> list[FieldError]:
    raw, requirements = selector.get("rawSelector", ""), selector.get("requirements") or ()
    errors = []
    if raw and requirements:
        detail = "may not specified at the same time as requirements"
        errors.append(invalid(f"{path}.rawSelector", raw, detail))
    if not raw and not requirements:
        detail = f"when {path} is specified, requirements or rawSelector is required"
        errors.append(required(f"{path}.requirements", detail))
    for index, requirement in enumerate(requirements):
        where = f"{path}.requirements[{index}]"
        errors += _validate_requirement(requirement, where, has_fields=member == "fieldSelector")
    return errors


def _validate_requirement(
    requirement: Mapping[str, Any], path: str, *, has_fields: bool
) -> list[FieldError]:
    errors = []
    key, operator = requirement.get("key") or "", requirement.get("operator")
    values = requirement.get("values") or ()
    if has_fields and not key:
        errors.append(required(f"{path}.key", "must be specified"))
    if operator in _SETS and not values:
        detail = "must be specified when `operator` is 'In' or 'NotIn'"
        errors.append(required(f"{path}.values", detail))
    elif operator in _KEYS and values:
        detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        errors.append(forbidden(f"{path}.values", detail))
    if not has_fields:
        errors += validate_qualified_name(key, f"{path}.key")
    return errors
