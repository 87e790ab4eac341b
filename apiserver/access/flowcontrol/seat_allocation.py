"""How the seats of the server are divided among the priority levels: KEP-1040, "Borrowing"."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil, floor
from typing import Final

from apiserver.machinery.valueclasses import valueclass

# A level that wants nothing wants this much, so that proportions are defined.
_MIN_TARGET: Final = 0.001
_TOLERANCE: Final = 1e-7


@valueclass
class NominalLimits:
    """The seats of a level: nominal, less what it may lend, plus what it may borrow."""

    nominal: int
    lower: int
    upper: int


@valueclass
class Claim:
    """How many seats a level wants, and within which bounds it gets them; ``lower <= target``."""

    target: float
    lower: float
    upper: float

    def at(self, proportion: float) -> float:
        """Return the seats that the level gets if each gets this proportion of its target."""
        return min(self.upper, max(self.lower, proportion * self.weight))

    @property
    def weight(self) -> float:
        """The target, which counts as positive."""
        return max(self.target, _MIN_TARGET)


def rounded(value: float) -> int:
    """Round a number that is not negative, halves upwards."""
    return floor(value + 0.5)


def nominal_limits(
    total: int, share: float, lendable_percent: int, borrowing_percent: int | None
) -> NominalLimits:
    """Return the limits of a level that has a share, between 0 and 1, of the server's seats."""
    nominal = ceil(total * share)
    borrowed = total
    if borrowing_percent is not None:
        borrowed = rounded(nominal * max(borrowing_percent, 0) / 100)
    lent = rounded(nominal * min(max(lendable_percent, 0), 100) / 100)
    return NominalLimits(nominal, nominal - lent, nominal + borrowed)


def allocate(total: int, claims: Sequence[Claim]) -> tuple[list[float], float]:
    """Divide ``total`` seats; return those of each level, and the proportion of targets that is.

    A level gets this proportion of its target, or the bound that is nearest to it. The lower bounds
    sum up to no more than ``total``, the upper ones to no less.
    """

    def allocated(proportion: float) -> float:
        return sum(each.at(proportion) for each in claims)

    # Between two neighbouring bounds the sum is linear.
    bounds = [bound / each.weight for each in claims for bound in (each.lower, each.upper)]
    points = sorted({0.0, *bounds})
    place = bisect_left(points, total - _TOLERANCE, key=allocated)
    proportion = points[min(place, len(points) - 1)]
    if 0 < place < len(points):
        before = points[place - 1]
        below, above = allocated(before), allocated(proportion)
        if above > below:
            proportion = before + (proportion - before) * (total - below) / (above - below)
    return [each.at(proportion) for each in claims], proportion
