"""Sums of many amounts, differences, and whether amounts are the same."""

from __future__ import annotations

from decimal import Decimal

from apiserver.access.quota.resource_lists import (
    ResourceList,
    format_quantity,
    parse_cached,
    quantity_value,
)
from apiserver.machinery.quantity import Format


class ResourceTotals:
    """Adds up amounts; each sum is written as the first amount was that is not zero."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Decimal, Format]] = {}

    def add(self, amounts: ResourceList) -> None:
        """Add the amounts of one object."""
        sums = self._sums
        for name, quantity in amounts.items():
            number, family = parse_cached(quantity)
            so_far = sums.get(name)
            if so_far is not None and so_far[0]:
                number, family = number + so_far[0], so_far[1]
            sums[name] = number, family

    def amounts(self) -> dict[str, str]:
        """Return the sums."""
        return {
            name: format_quantity(number, family) for name, (number, family) in self._sums.items()
        }


def increase(amounts: ResourceList, before: ResourceList) -> dict[str, str]:
    """Return by how much amounts exceed those before; what has not grown is left out."""
    grown: dict[str, str] = {}
    for name, quantity in amounts.items():
        number, family = parse_cached(quantity)
        more = number - quantity_value(before.get(name, "0"))
        if more > 0:
            grown[name] = format_quantity(more, family)
    return grown


def equal(amounts: ResourceList, others: ResourceList) -> bool:
    """Tell whether the same resources have the same amounts, however they are written."""
    return amounts.keys() == others.keys() and all(
        quantity_value(quantity) == quantity_value(others[name])
        for name, quantity in amounts.items()
    )
