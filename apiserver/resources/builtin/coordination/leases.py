"""Lease."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.fielderrors import FieldError, forbidden
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.numbers import validate_nonnegative, validate_positive
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import CHANGE, Strategy


def _cells(document: Object) -> list[Any]:
    return [(document.get("spec") or {}).get("holderIdentity") or ""]


class LeaseStrategy(Strategy):
    """A Lease is held by somebody who renews it."""

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
        if spec.get("preferredHolder") and not spec.get("strategy"):
            detail = "may only be specified if `strategy` is defined"
            errors.append(forbidden("spec.preferredHolder", detail))
        return errors


STRATEGY = LeaseStrategy
