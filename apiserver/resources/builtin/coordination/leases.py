"""Lease."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.numbers import validate_nonnegative, validate_positive
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import CHANGE, Strategy

_COORDINATION: Final = ("strategy", "preferredHolder")


def _cells(document: Object) -> list[Any]:
    return [(document.get("spec") or {}).get("holderIdentity") or ""]


class LeaseStrategy(Strategy):
    """A Lease is held by a client that renews it."""

    qualifies_finalizers = False
    allow_create_on_update = True
    allow_unconditional_update = False
    metadata_checks = (CHANGE,)
    printer = aged(
        (Column("Holder", source="api.coordination.v1.LeaseSpec.holderIdentity"),), _cells
    )

    def validate(self, document: Object) -> list[FieldError]:
        spec = document.get("spec") or {}
        seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
        errors: list[FieldError] = []
        if seconds is not None:
            errors += validate_positive(seconds, "spec.leaseDurationSeconds")
        if transitions is not None:
            errors += validate_nonnegative(transitions, "spec.leaseTransitions")
        return errors

    def prepare_for_create(self, document: Object) -> Object:
        return _without_coordination(document, {})

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        return _without_coordination(document, old.get("spec") or {})


def _without_coordination(document: Object, before: dict[str, Any]) -> Object:
    """Drop the fields of coordinated leader election, which is disabled, unless in use."""
    spec = document.get("spec") or {}
    if not any(name in spec and name not in before for name in _COORDINATION):
        return document
    kept = {
        name: value for name, value in spec.items() if name not in _COORDINATION or name in before
    }
    return {**document, "spec": kept}


STRATEGY = LeaseStrategy
