"""The scaling behaviour of an autoscaler: spec.behavior."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.empties import member
from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.machinery.objects import Object
from apiserver.machinery.quantity import parse_quantity
from apiserver.resources.builtin.parts.numbers import NEGATIVE

_SELECT_POLICIES: Final = ("Disabled", "Max", "Min")
_POLICY_TYPES: Final = ("Percent", "Pods")
_MAX_PERIOD: Final = 1800
_MAX_WINDOW: Final = 3600
_NOT_POSITIVE: Final = "must be greater than zero"


def default_behavior(behavior: Object) -> None:
    """Fill in, in place, the rules of both directions."""
    up = behavior.setdefault("scaleUp", {})
    up.setdefault("stabilizationWindowSeconds", 0)
    down = behavior.setdefault("scaleDown", {})
    double: dict[str, Any] = {"type": "Percent", "value": 100, "periodSeconds": 15}
    four: dict[str, Any] = {"type": "Pods", "value": 4, "periodSeconds": 15}
    for rules, policies in ((up, [four, double]), (down, [double])):
        rules.setdefault("selectPolicy", "Max")
        # An empty list gets no defaults, so that validation rejects it.
        if member(rules, "policies") is None:
            rules["policies"] = [dict(policy) for policy in policies]


def validate_behavior(behavior: Object, path: str) -> list[FieldError]:
    """Validate the rules of both directions."""
    errors: list[FieldError] = []
    for direction in ("scaleUp", "scaleDown"):
        rules = behavior.get(direction)
        if rules is not None:
            errors += _validate_rules(rules, f"{path}.{direction}")
    return errors


def _validate_rules(rules: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    window, where = rules.get("stabilizationWindowSeconds", 0), f"{path}.stabilizationWindowSeconds"
    if window < 0:
        errors.append(invalid(where, window, "must be greater than or equal to zero"))
    if window > _MAX_WINDOW:
        errors.append(invalid(where, window, f"must be less than or equal to {_MAX_WINDOW}"))
    select = rules.get("selectPolicy")
    if select is not None and select not in _SELECT_POLICIES:
        errors.append(not_supported(f"{path}.selectPolicy", select, _SELECT_POLICIES))
    policies = rules.get("policies") or []
    if not policies:
        errors.append(required(f"{path}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(policies):
        errors += _validate_policy(policy, f"{path}.policies[{index}]")
    tolerance = rules.get("tolerance")
    if tolerance is not None and parse_quantity(tolerance)[0] < 0:
        errors.append(invalid(f"{path}.tolerance", tolerance, NEGATIVE))
    return errors


def _validate_policy(policy: Object, path: str) -> list[FieldError]:
    type_, value = policy.get("type", ""), policy.get("value", 0)
    period, where = policy.get("periodSeconds", 0), f"{path}.periodSeconds"
    errors: list[FieldError] = []
    if type_ not in _POLICY_TYPES:
        errors.append(not_supported(f"{path}.type", type_, _POLICY_TYPES))
    if value <= 0:
        errors.append(invalid(f"{path}.value", value, _NOT_POSITIVE))
    if period <= 0:
        errors.append(invalid(where, period, _NOT_POSITIVE))
    if period > _MAX_PERIOD:
        errors.append(invalid(where, period, f"must be less than or equal to {_MAX_PERIOD}"))
    return errors
