"""PodDisruptionBudget."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, not_supported
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apps.rules import (
    validate_counts,
)
from apiserver.resources.builtin.parts.intorpercent import (
    validate_at_most_100_percent,
    validate_int_or_percent,
)
from apiserver.resources.builtin.parts.labelselector import validate_label_selector
from apiserver.resources.builtin.policy.conditions import validate_conditions
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import Strategy
from apiserver.schema.internalform import internal_form

_LIMITS: Final = ("minAvailable", "maxUnavailable")
_EVICTIONS: Final = ("AlwaysAllow", "IfHealthyBudget")
_STATUS_COUNTS: Final = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")

_COLUMNS: Final = (
    Column("Min Available", "The minimum number of pods that must be available."),
    Column("Max Unavailable", "The maximum number of pods that may be unavailable."),
    Column(
        "Allowed Disruptions",
        "Calculated number of pods that may be disrupted at this time.",
        type="integer",
    ),
)


def _cells(document: Object) -> list[Any]:
    spec, status = document.get("spec") or {}, document.get("status") or {}
    limits = [str(spec.get(name, "N/A")) for name in _LIMITS]
    return [*limits, status.get("disruptionsAllowed", 0)]


class PodDisruptionBudgetStrategy(Strategy):
    """A PodDisruptionBudget limits how many of the selected Pods may be evicted at a time."""

    allow_unconditional_update = False
    metadata_checks_on_create = False
    metadata_checks = ()
    generation_of = ("spec",)
    printer = aged(_COLUMNS, _cells)

    def validate(self, document: Object) -> list[FieldError]:
        return _validate_spec(document["spec"], lenient=False)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        selector = (old.get("spec") or {}).get("selector")
        lenient = bool(validate_label_selector(selector, ""))
        return _validate_spec(document["spec"], lenient=lenient)

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        status = document.get("status") or {}
        errors = validate_conditions(status.get("conditions") or (), "status.conditions")
        return errors + validate_counts(status, _STATUS_COUNTS, "status")


def _validate_spec(spec: Object, *, lenient: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    if all(name in spec for name in _LIMITS):
        shown = internal_form("policy.v1.PodDisruptionBudgetSpec", spec)
        detail = "minAvailable and maxUnavailable cannot be both set"
        errors.append(invalid("spec", shown, detail))
    for name in _LIMITS:
        if name in spec:
            errors += validate_int_or_percent(spec[name], f"spec.{name}")
            errors += validate_at_most_100_percent(spec[name], f"spec.{name}")
    errors += validate_label_selector(spec.get("selector"), "spec.selector", lenient=lenient)
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _EVICTIONS:
        errors.append(not_supported("spec.unhealthyPodEvictionPolicy", policy, _EVICTIONS))
    return errors


STRATEGY = PodDisruptionBudgetStrategy
