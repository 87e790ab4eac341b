"""CSINode."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, duplicate, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.names import validate_qualified_name
from apiserver.resources.builtin.parts.storagesources import validate_driver_name
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import WHOLE, Strategy
from apiserver.schema.internalform import internal_form

_LONGEST_ID: Final = 256
_DRIVER: Final = "storage.v1.CSINodeDriver"


def _drivers(document: Object) -> list[dict[str, Any]]:
    return (document.get("spec") or {}).get("drivers") or []


def _cells(document: Object) -> list[Any]:
    return [len(_drivers(document))]


class CSINodeStrategy(Strategy):
    """A CSINode lists the drivers of a node; one that is there may go, and not change."""

    metadata_checks = (WHOLE,)
    allow_unconditional_update = False
    returns_deleted_object = True
    printer = aged(
        (
            Column(
                "Drivers",
                "Drivers indicates the number of CSI drivers registered on the node",
                type="integer",
            ),
        ),
        _cells,
    )

    def validate(self, document: Object) -> list[FieldError]:
        errors: list[FieldError] = []
        names: set[str] = set()
        for index, driver in enumerate(_drivers(document)):
            path, name = f"spec.drivers[{index}]", driver.get("name", "")
            errors += _validate_driver(driver, path)
            if name in names:
                errors.append(duplicate(f"{path}.name", name))
            names.add(name)
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        errors = self.validate(document)
        named: dict[str, list[dict[str, Any]]] = {}
        for driver in _drivers(document):
            named.setdefault(driver.get("name", ""), []).append(_fixed(driver))
        # The names of drivers that are stored are different.
        known = {driver.get("name", ""): _fixed(driver) for driver in _drivers(old)}
        for name, before in known.items():
            errors += [
                invalid("spec.drivers", internal_form(_DRIVER, fixed), "field is immutable")
                for fixed in named.get(name, ())
                if fixed != before
            ]
        return errors


def _fixed(driver: dict[str, Any]) -> dict[str, Any]:
    # How many volumes a driver takes may be found out later.
    return {name: value for name, value in driver.items() if name != "allocatable"}


def _validate_driver(driver: dict[str, Any], path: str) -> list[FieldError]:
    node, keys = driver.get("nodeID", ""), driver.get("topologyKeys") or []
    count = (driver.get("allocatable") or {}).get("count")
    errors = validate_driver_name(driver.get("name", ""), f"{path}.name")
    if not node:
        errors.append(required(f"{path}.nodeID"))
    elif len(node.encode()) > _LONGEST_ID:
        detail = f"must be {_LONGEST_ID} characters or less"
        errors.append(invalid(f"{path}.nodeID", node, detail))
    if count is not None and count < 0:
        detail = "must be greater than or equal to 0"
        errors.append(invalid(f"{path}.allocatable.count", count, detail))
    seen: set[str] = set()
    for key in keys:
        # The error about a key has the path of its driver.
        if not key:
            errors.append(required(path))
        if key in seen:
            errors.append(duplicate(path, key))
        seen.add(key)
        errors += validate_qualified_name(key, path)
    return errors


STRATEGY = CSINodeStrategy
