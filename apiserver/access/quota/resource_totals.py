"""Sums, increases and equality of resource lists."""

from __future__ import annotations

from decimal import Decimal

from apiserver.access.quota.resource_lists import (
    ResourceList,
    parse_cached,
    quantity_value,
)
from apiserver.machinery.quantity import QuantityFormat, format_quantity


class ResourceTotals:
    """Sums resource lists; each sum has the format of its first nonzero quantity."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Decimal, QuantityFormat]] = {}

    def add(self, amounts: ResourceList) -> None:
        """Add a resource list."""
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
    """Return the increases over ``before``; resources that have not grown are omitted."""
    grown: dict[str, str] = {}
    for name, quantity in amounts.items():
        number, family = parse_cached(quantity)
        more = number - quantity_value(before.get(name, "0"))
        if more > 0:
            grown[name] = format_quantity(more, family)
    return grown


def equal(amounts: ResourceList, others: ResourceList) -> bool:
    """Return whether two resource lists have the same values, in any format."""
    return amounts.keys() == others.keys() and all(
        quantity_value(quantity) == quantity_value(others[name])
        for name, quantity in amounts.items()
    )
