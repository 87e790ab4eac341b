"""ResourceClaim."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.objects import Object
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import Strategy


def _cells(document: Object) -> list[Any]:
    status = document.get("status") or {}
    states = []
    if "deletionTimestamp" in document["metadata"]:
        states.append("deleted")
    if status.get("allocation") is None:
        states.append("" if "deletionTimestamp" in document["metadata"] else "pending")
    else:
        states.append("allocated")
        if status.get("reservedFor"):
            states.append("reserved")
    return [",".join(filter(None, states))]


class ResourceClaimStrategy(Strategy):
    """A claim asks for devices; what it asks for never changes."""

    returns_deleted_object = True
    printer = aged(
        (
            Column(
                "State",
                "A summary of the current state (allocated, pending, reserved, etc.).",
            ),
        ),
        _cells,
    )

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        if deep_equal(document.get("spec"), old.get("spec")):
            return []
        return [invalid("spec", document.get("spec"), "field is immutable")]


STRATEGY = ResourceClaimStrategy
