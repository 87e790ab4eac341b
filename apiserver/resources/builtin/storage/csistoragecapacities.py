"""CSIStorageCapacity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.labelselector import validate_label_selector
from apiserver.resources.builtin.parts.names import validate_dns_subdomain
from apiserver.resources.builtin.parts.nodelabels import warnings_for_node_label_selector
from apiserver.resources.builtin.parts.resources import validate_nonnegative_quantity
from apiserver.resources.printing import NAME, UNSET, Column, Printer
from apiserver.resources.strategy import CHANGE, Strategy
from apiserver.schema.internalform import internal_selector

_CAPACITY = "api.storage.v1.CSIStorageCapacity"
COLUMNS = (
    NAME,
    Column("StorageClassName", source=f"{_CAPACITY}.storageClassName"),
    Column("Capacity", source=f"{_CAPACITY}.capacity"),
)
# What stays, and how messages show it.
_IMMUTABLE: Final[dict[str, Callable[[Any], Any]]] = {
    "nodeTopology": internal_selector,
    "storageClassName": lambda name: name or "",
}


def _cells(document: Object, now: float) -> list[Any]:
    name = document["metadata"].get("name", "")
    return [name, document.get("storageClassName", ""), document.get("capacity", UNSET)]


class CSIStorageCapacityStrategy(Strategy):
    """A CSIStorageCapacity reports the available capacity of a class for some nodes."""

    allow_unconditional_update = False
    metadata_checks = (CHANGE,)
    printer = Printer(COLUMNS, _cells)

    def validate(self, document: Object) -> list[FieldError]:
        errors = validate_label_selector(document.get("nodeTopology"), "nodeTopology")
        errors += validate_dns_subdomain(document.get("storageClassName", ""), "storageClassName")
        # Kubernetes accepts any maximumVolumeSize.
        if document.get("capacity") is not None:
            errors += validate_nonnegative_quantity(document["capacity"], "capacity")
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return [
            invalid(member, show(document.get(member)), "field is immutable")
            for member, show in _IMMUTABLE.items()
            if document.get(member) != old.get(member)
        ]

    def warnings_on_create(self, document: Object) -> list[str]:
        topology = document.get("nodeTopology") or {}
        return list(warnings_for_node_label_selector(topology, "nodeTopology"))


STRATEGY = CSIStorageCapacityStrategy
