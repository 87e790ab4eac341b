"""The spec of a claim: requests for devices, constraints on them, and their configuration.

https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import orjson

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from apiserver.resources.builtin.parts.names import (
    validate_dns_label,
    validate_dns_subdomain,
    validate_label_value,
    validate_qualified_name,
)
from apiserver.resources.builtin.parts.storagesources import validate_driver_name
from apiserver.resources.builtin.resource.identifiers import (
    validate_full_attribute_name,
    validate_request_reference,
)
from apiserver.resources.builtin.resource.items import validate_distinct, validate_items

ALL, EXACT_COUNT = "All", "ExactCount"
EFFECTS: Final = ("NoExecute", "NoSchedule", "None")
MAX_REQUESTS: Final = 32
MAX_CONFIGURATIONS: Final = 32
_MAX_SUBREQUESTS: Final = 8
_MAX_CONSTRAINTS: Final = 32
_MAX_SELECTORS: Final = 32
_MAX_TOLERATIONS: Final = 16
_LONGEST_EXPRESSION: Final = 10 * 1024
_MAX_PARAMETERS: Final = 10 * 1024
_OPERATORS: Final = ("Equal", "Exists")
_ONE_OF_TWO: Final = "exactly one of `exactly` or `firstAvailable` is required"
_NO_ATTRIBUTE: Final = (
    'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are '
    "set"
)

Claim = Mapping[str, Any]


def default_device_claim(devices: dict[str, Any]) -> None:
    """Set the default allocation mode, count and toleration operators, in place."""
    for request in _all_requests(devices):
        if not request.get("allocationMode"):
            request["allocationMode"] = EXACT_COUNT
        if request["allocationMode"] == EXACT_COUNT and not request.get("count"):
            request["count"] = 1
        default_tolerations(request)


def default_tolerations(holder: Mapping[str, Any]) -> None:
    """Set the default operators of tolerations, in place."""
    for toleration in holder.get("tolerations") or ():
        if not toleration.get("operator"):
            toleration["operator"] = "Equal"


def _all_requests(devices: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for request in devices.get("requests") or ():
        if request.get("exactly") is not None:
            yield request["exactly"]
        yield from request.get("firstAvailable") or ()


def request_names(devices: Claim) -> frozenset[str]:
    """Return the names of the requests of a claim: ``request``, ``request/subrequest``."""
    names = set()
    for request in devices.get("requests") or ():
        name = request.get("name", "")
        names.add(name)
        names.update(f"{name}/{sub.get('name', '')}" for sub in request.get("firstAvailable") or ())
    return frozenset(names)


def validate_device_claim(devices: Claim, path: str) -> list[FieldError]:
    """Validate the devices that a claim requests."""
    known = request_names(devices)
    return [
        *validate_distinct(
            devices.get("requests"), MAX_REQUESTS, _request, f"{path}.requests", name_of_item
        ),
        *validate_items(
            devices.get("constraints"),
            _MAX_CONSTRAINTS,
            partial(_constraint, known=known),
            f"{path}.constraints",
        ),
        *validate_items(
            devices.get("config"),
            MAX_CONFIGURATIONS,
            partial(_claim_configuration, known=known),
            f"{path}.config",
        ),
    ]


def name_of_item(item: Mapping[str, Any]) -> str:
    """Return the name of an item of a list."""
    return str(item.get("name", ""))


def _request(request: Claim, path: str) -> list[FieldError]:
    errors = validate_dns_label(request.get("name", ""), f"{path}.name")
    exactly, alternatives = request.get("exactly"), request.get("firstAvailable")
    if exactly is None and not alternatives:
        return [*errors, required(path, _ONE_OF_TWO)]
    if exactly is None:
        where = f"{path}.firstAvailable"
        return errors + validate_distinct(
            alternatives, _MAX_SUBREQUESTS, _subrequest, where, name_of_item
        )
    if alternatives:
        return [*errors, invalid(path, None, f"{_ONE_OF_TWO}, but multiple fields are set")]
    return errors + _exact_request(exactly, f"{path}.exactly")


def _subrequest(request: Claim, path: str) -> list[FieldError]:
    name = validate_dns_label(request.get("name", ""), f"{path}.name")
    return name + _exact_request(request, path)


def _exact_request(request: Claim, path: str) -> list[FieldError]:
    name, where = request.get("deviceClassName", ""), f"{path}.deviceClassName"
    errors = validate_dns_subdomain(name, where) if name else [required(where)]
    errors += validate_selectors(request.get("selectors"), f"{path}.selectors")
    errors += _allocation_mode(request, path)
    return errors + validate_tolerations(request, path)


def _allocation_mode(request: Claim, path: str) -> list[FieldError]:
    mode, count = request.get("allocationMode", ""), request.get("count", 0)
    if mode == ALL:
        detail = "must not be specified when allocationMode is 'All'"
        return [invalid(f"{path}.count", count, detail)] if count else []
    if mode == EXACT_COUNT:
        detail = "must be greater than zero"
        return [invalid(f"{path}.count", count, detail)] if count <= 0 else []
    return [not_supported(f"{path}.allocationMode", mode, (ALL, EXACT_COUNT))]


def validate_selectors(selectors: list[Claim] | None, path: str) -> list[FieldError]:
    """Validate selectors of devices. The language is loaded with the first of them."""
    return validate_items(selectors, _MAX_SELECTORS, _selector, path)


def _selector(selector: Claim, path: str) -> list[FieldError]:
    cel = selector.get("cel")
    if cel is None:
        return [required(f"{path}.cel")]
    expression, where = cel.get("expression", ""), f"{path}.cel.expression"
    if len(expression.encode()) > _LONGEST_EXPRESSION:
        return [too_long(where, _LONGEST_EXPRESSION)]
    from apiserver.cel.deviceselectors import TooExpensiveError, check_selector
    from apiserver.cel.errors import CompileError

    try:
        check_selector(expression)
    except CompileError as error:
        return [invalid(where, expression, str(error))]
    except TooExpensiveError:
        return [forbidden(where, "too complex, exceeds cost limit")]
    return []


def validate_tolerations(holder: Claim, path: str) -> list[FieldError]:
    """Validate the tolerations of a request or of its result."""
    where = f"{path}.tolerations"
    return validate_items(holder.get("tolerations"), _MAX_TOLERATIONS, _toleration, where)


def _toleration(toleration: Claim, path: str) -> list[FieldError]:
    key, value = toleration.get("key", ""), toleration.get("value", "")
    operator, effect = toleration.get("operator", ""), toleration.get("effect", "")
    errors = validate_qualified_name(key, f"{path}.key") if key else []
    if operator == "Exists":
        if value:
            detail = "must be empty for operator `Exists`"
            errors.append(invalid(f"{path}.value", value, detail))
    elif operator == "Equal":
        errors += validate_label_value(value, f"{path}.value")
    elif not operator:
        errors.append(required(f"{path}.operator"))
    else:
        errors.append(not_supported(f"{path}.operator", operator, _OPERATORS))
    if effect and effect not in EFFECTS:
        errors.append(not_supported(f"{path}.effect", effect, EFFECTS))
    return errors


def _constraint(constraint: Claim, path: str, *, known: frozenset[str]) -> list[FieldError]:
    errors = validate_references(constraint, path, known)
    match, distinct = constraint.get("matchAttribute"), constraint.get("distinctAttribute")
    if match is not None:
        return errors + validate_full_attribute_name(match, f"{path}.matchAttribute")
    if distinct is not None:
        return errors + validate_full_attribute_name(distinct, f"{path}.distinctAttribute")
    return [*errors, required(path, _NO_ATTRIBUTE)]


def validate_references(holder: Claim, path: str, known: frozenset[str]) -> list[FieldError]:
    """Validate references to requests by name."""
    rule = partial(validate_request_reference, known=known)
    return validate_distinct(holder.get("requests"), MAX_REQUESTS, rule, f"{path}.requests")


def _claim_configuration(
    configuration: Claim, path: str, *, known: frozenset[str]
) -> list[FieldError]:
    errors = validate_references(configuration, path, known)
    return errors + validate_configuration(configuration, path)


def validate_configuration(
    configuration: Claim, path: str, *, stored: bool = False
) -> list[FieldError]:
    """Validate a configuration; ``stored``: it may be as long as it was."""
    opaque, where = configuration.get("opaque"), f"{path}.opaque"
    if opaque is None:
        return [required(where)]
    errors = validate_driver_name(opaque.get("driver", ""), f"{where}.driver")
    limit = None if stored else _MAX_PARAMETERS
    return errors + validate_raw(opaque.get("parameters"), f"{where}.parameters", limit)


def validate_raw(value: Any, path: str, limit: int | None) -> list[FieldError]:
    """Reject data that is not an object, or longer than ``limit`` bytes as JSON."""
    if value is None:
        return [required(path)]
    if limit is not None and len(orjson.dumps(value)) > limit:
        return [too_long(path, limit)]
    if not isinstance(value, dict):
        return [invalid(path, "<value omitted>", "must be a valid JSON object")]
    return []
