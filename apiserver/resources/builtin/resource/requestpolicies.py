"""How much of a shared device's capacity a request may take (KEP-5075)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, duplicate, forbidden, invalid, required
from apiserver.machinery.quantity import format_quantity, parse_quantity
from apiserver.resources.builtin.resource.items import validate_items

_MAX_VALUES: Final = 10
_TWO_POLICIES: Final = (
    'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the '
    "same time"
)


def validate_request_policy(
    policy: Mapping[str, Any], capacity: str, path: str
) -> list[FieldError]:
    """Validate the request policy of ``capacity``, a quantity."""
    values, span, default = (
        policy.get(member) for member in ("validValues", "validRange", "default")
    )
    if values and span is not None:
        return [forbidden(path, _TWO_POLICIES)]
    if values:
        if default is None:
            return [required(f"{path}.default", "required when validValues is defined")]
        return _values(values, default, capacity, f"{path}.validValues")
    if span is not None:
        if default is None:
            return [required(f"{path}.default", "required when validRange is defined")]
        return _range(span, default, capacity, f"{path}.validRange")
    return []


def _values(values: list[str], default: str, capacity: str, path: str) -> list[FieldError]:
    amounts = [_amount(value) for value in values]
    errors = [
        invalid(f"{path}[{index}]", value, "values must be sorted in ascending order")
        for index, value in enumerate(values)
        if index and amounts[index - 1] > amounts[index]
    ]

    def within(value: str, where: str) -> list[FieldError]:
        detail = f"option is larger than capacity value: {capacity}"
        return [invalid(where, value, detail)] if _amount(value) > _amount(capacity) else []

    errors += validate_items(values, _MAX_VALUES, within, path)
    if len(values) > _MAX_VALUES:
        return [*errors, _no_default(default, path)]
    seen: set[int] = set()
    for index, value in enumerate(values):
        whole = _whole(value)
        if whole in seen:
            errors.append(duplicate(f"{path}[{index}]", str(whole)))
        seen.add(whole)
    return errors if _amount(default) in amounts else [*errors, _no_default(default, path)]


def _no_default(default: str, path: str) -> FieldError:
    return invalid(path, default, "default value is not valid according to the requestPolicy")


def _range(span: Mapping[str, Any], default: str, capacity: str, path: str) -> list[FieldError]:
    low, high, step = (span.get(member) for member in ("min", "max", "step"))
    if low is None:
        return [required(f"{path}.min", "required when validRange is defined")]
    errors = []
    if _amount(low) > _amount(capacity):
        detail = f"min is larger than capacity value: {capacity}"
        errors.append(invalid(f"{path}.min", low, detail))
    if _amount(default) < _amount(low):
        errors.append(invalid(f"{path}.min", default, f"default is less than min: {low}"))
    if high is not None:
        if _amount(low) > _amount(high):
            errors.append(invalid(f"{path}.max", low, f"min is larger than max: {high}"))
        if _amount(high) > _amount(capacity):
            detail = f"max is larger than capacity value: {capacity}"
            errors.append(invalid(f"{path}.max", high, detail))
        if _amount(default) > _amount(high):
            detail = f"default is more than max: {high}"
            errors.append(invalid(f"{path}.max", default, detail))
    return errors if step is None else errors + _steps(span, default, capacity, path)


def _steps(span: Mapping[str, Any], default: str, capacity: str, path: str) -> list[FieldError]:
    low, high, step = span["min"], span.get("max"), span["step"]
    where = f"{path}.step"
    if _amount(step) <= 0:
        return [invalid(where, step, "must be greater than zero")]
    errors = []
    (first, family), (more, other) = parse_quantity(low), parse_quantity(step)
    if first + more > _amount(capacity):
        shown = format_quantity(first + more, family if first else other)
        detail = f"one step {shown} is larger than capacity value: {capacity}"
        errors.append(invalid(where, step, detail))
    detail = f"value is not a multiple of a given step ({step}) from ({low})"
    return errors + [
        invalid(where, value, detail)
        for value in (default, high)
        if value is not None and (_whole(value) - _whole(low)) % _whole(step)
    ]


def _amount(text: str) -> Decimal:
    return parse_quantity(text)[0]


def _whole(text: str) -> int:
    """Return an amount, rounded up."""
    return math.ceil(_amount(text))
