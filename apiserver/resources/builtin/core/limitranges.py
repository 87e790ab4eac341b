"""LimitRange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, duplicate, forbidden, invalid, required
from apiserver.machinery.names import label_key_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.resources import (
    STORAGE,
    amount,
    default_quantities,
    is_extended,
    is_huge_page,
    is_native,
    may_overcommit,
    validate_resource_name,
)
from apiserver.resources.printing import DEFAULT
from apiserver.resources.strategy import WHOLE, Strategy

CONTAINER: Final = "Container"
POD: Final = "Pod"
CLAIM: Final = "PersistentVolumeClaim"
_TYPES: Final = frozenset([POD, CONTAINER, CLAIM])
_OF_CONTAINERS: Final = frozenset(["cpu", "memory", "ephemeral-storage"])
_DEFAULTS: Final = ("default", "defaultRequest")
_AMOUNTS: Final = ("max", "min", *_DEFAULTS)


class LimitRangeStrategy(Strategy):
    """A LimitRange sets defaults and limits for each container, Pod or claim."""

    metadata_checks = (WHOLE,)
    names_the_nameless = True
    allow_create_on_update = True
    printer = DEFAULT

    def default(self, document: Object) -> None:
        for item in (document.get("spec") or {}).get("limits") or ():
            if item.get("type") == CONTAINER:
                _default_container(item)
            for member in _AMOUNTS:
                default_quantities(item.get(member) or {})

    def validate(self, document: Object) -> list[FieldError]:
        errors: list[FieldError] = []
        seen: set[str] = set()
        for index, item in enumerate((document.get("spec") or {}).get("limits") or ()):
            path, type_ = f"spec.limits[{index}]", item.get("type", "")
            errors += _validate_type(type_, f"{path}.type")
            if type_ in seen:
                errors.append(duplicate(f"{path}.type", type_))
            seen.add(type_)
            errors += _validate_item(item, type_, path)
        return errors


def _default_container(item: dict[str, Any]) -> None:
    limits = {**(item.get("max") or {}), **(item.get("default") or {})}
    requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
    if limits:
        item["default"] = limits
    if requests:
        item["defaultRequest"] = requests


def _validate_type(type_: str, path: str) -> list[FieldError]:
    errors = [invalid(path, type_, problem) for problem in label_key_problems(type_)]
    if not errors and "/" not in type_ and type_ not in _TYPES:
        detail = "must be a standard limit type or fully qualified"
        errors.append(invalid(path, type_, detail))
    return errors


def _validate_item(item: dict[str, Any], type_: str, path: str) -> list[FieldError]:
    check = _container_resource if type_ in (POD, CONTAINER) else validate_resource_name
    errors = _validate_names(item, ("max", "min"), check, path)
    if type_ == POD:
        errors += [
            forbidden(f"{path}.{member}", "may not be specified when `type` is 'Pod'")
            for member in _DEFAULTS
            if item.get(member)
        ]
    else:
        errors += _validate_names(item, _DEFAULTS, check, path)
    if type_ == CLAIM and not any(STORAGE in (item.get(member) or ()) for member in ("min", "max")):
        detail = "either minimum or maximum storage value is required, but neither was provided"
        errors.append(required(f"{path}.limits", detail))
    errors += _validate_names(item, ("maxLimitRequestRatio",), check, path)
    shown = ("max", "min") if type_ == POD else _AMOUNTS
    members = [item.get(member) or {} for member in (*shown, "maxLimitRequestRatio")]
    for resource in dict.fromkeys(name for member in members for name in member):
        errors += _validate_order(_Bounds(item, resource, type_), path)
    return errors


def _validate_names(
    item: Mapping[str, Any],
    members: tuple[str, ...],
    check: Callable[[str, str], list[FieldError]],
    path: str,
) -> list[FieldError]:
    return [
        error
        for member in members
        for resource in item.get(member) or ()
        for error in check(resource, f"{path}.{member}[{resource}]")
    ]


def _container_resource(resource: str, path: str) -> list[FieldError]:
    errors = validate_resource_name(resource, path)
    if "/" not in resource:
        if resource not in _OF_CONTAINERS and not is_huge_page(resource):
            errors.append(invalid(path, resource, "must be a standard resource for containers"))
    elif not is_native(resource) and not is_extended(resource):
        errors.append(invalid(path, resource, "doesn't follow extended resource name standard"))
    return errors


class _Bounds:
    """The limits of one item for one resource; ``None`` if not set."""

    def __init__(self, item: Mapping[str, Any], resource: str, type_: str) -> None:
        self.resource = resource
        self.min: str | None = (item.get("min") or {}).get(resource)
        self.max: str | None = (item.get("max") or {}).get(resource)
        has_defaults = type_ != POD
        self.default = (item.get("default") or {}).get(resource) if has_defaults else None
        self.request = (item.get("defaultRequest") or {}).get(resource) if has_defaults else None
        self.ratio: str | None = (item.get("maxLimitRequestRatio") or {}).get(resource)


def _validate_order(bounds: _Bounds, path: str) -> list[FieldError]:
    low, high, default, request = bounds.min, bounds.max, bounds.default, bounds.request
    # Each rule: the smaller value, the larger value, and the field and value of the error.
    rules = (
        (low, high, "min", low, "min value {} is greater than max value {}"),
        (low, request, "defaultRequest", request,
         "min value {} is greater than default request value {}"),
        (request, high, "defaultRequest", request,
         "default request value {} is greater than max value {}"),
        (request, default, "defaultRequest", request,
         "default request value {} is greater than default limit value {}"),
        (low, default, "default", low, "min value {} is greater than default value {}"),
        (default, high, "default", high, "default value {} is greater than max value {}"),
    )  # fmt: skip
    errors = [
        invalid(f"{path}.{member}[{bounds.resource}]", shown, text.format(small, large))
        for small, large, member, shown, text in rules
        if small is not None and large is not None and amount(small) > amount(large)
    ]
    return errors + _validate_ratio(bounds, path) + _validate_overcommit(bounds, path)


def _validate_ratio(bounds: _Bounds, path: str) -> list[FieldError]:
    ratio, where = bounds.ratio, f"{path}.maxLimitRequestRatio[{bounds.resource}]"
    if ratio is None:
        return []
    errors = []
    if amount(ratio) < 1:
        errors.append(invalid(where, ratio, f"ratio {ratio} is less than 1"))
    if bounds.min is not None and bounds.max is not None and amount(bounds.min) > 0:
        largest = float(amount(bounds.max) / amount(bounds.min))
        if float(amount(ratio)) > largest:
            detail = f"ratio {ratio} is greater than max/min = {largest:f}"
            errors.append(invalid(where, ratio, detail))
    return errors


def _validate_overcommit(bounds: _Bounds, path: str) -> list[FieldError]:
    default, request, resource = bounds.default, bounds.request, bounds.resource
    if may_overcommit(resource) or default is None or request is None:
        return []
    if amount(default) == amount(request):
        return []
    detail = f"default value {default} must equal to defaultRequest value {request} in {resource}"
    return [invalid(f"{path}.defaultRequest[{resource}]", request, detail)]


STRATEGY = LimitRangeStrategy
