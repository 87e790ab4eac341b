"""Sums of many amounts, differences, and whether amounts are the same."""

from __future__ import annotations

from decimal import Decimal

from apiserver.access.quota.resource_lists import Amounts, amount, parsed, written
from apiserver.machinery.quantity import Format


class Tally:
    """Adds up amounts; each sum is written as the first amount was that is not zero."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Decimal, Format]] = {}

    def add(self, amounts: Amounts) -> None:
        """Add the amounts of one object."""
        sums = self._sums
        for name, quantity in amounts.items():
            number, family = parsed(quantity)
            so_far = sums.get(name)
            if so_far is not None and so_far[0]:
                number, family = number + so_far[0], so_far[1]
            sums[name] = number, family

    def amounts(self) -> dict[str, str]:
        """Return the sums."""
        return {name: written(number, family) for name, (number, family) in self._sums.items()}


def increase(amounts: Amounts, before: Amounts) -> dict[str, str]:
    """Return by how much amounts exceed those before; what has not grown is left out."""
    grown: dict[str, str] = {}
    for name, quantity in amounts.items():
        number, family = parsed(quantity)
        more = number - amount(before.get(name, "0"))
        if more > 0:
            grown[name] = written(more, family)
    return grown


def equal(amounts: Amounts, others: Amounts) -> bool:
    """Tell whether the same resources have the same amounts, however they are written."""
    return amounts.keys() == others.keys() and all(
        amount(quantity) == amount(others[name]) for name, quantity in amounts.items()
    )
