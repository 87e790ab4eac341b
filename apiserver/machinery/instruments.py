"""Metrics of parts of the server, without the library that formats them.

Names and labels are those of Kubernetes' components, see "Kubernetes Metrics Reference".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias, runtime_checkable

from apiserver.machinery.valueclasses import valueclass

#: Upper bounds of the durations of requests, in seconds.
BUCKETS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
COUNTER: Final = "counter"
GAUGE: Final = "gauge"

#: The values of the labels of one series, in the order of the labels' names.
Labels: TypeAlias = tuple[str, ...]


class Series:
    """The durations with the same labels: how many are within each bound, and their sum."""

    __slots__ = ("counts", "seconds")

    def __init__(self, bounds: int) -> None:
        self.counts = [0] * (bounds + 1)
        self.seconds = 0.0


class Histogram:
    """Durations in seconds, by labels."""

    def __init__(self, bounds: Sequence[float] = BUCKETS) -> None:
        self._bounds = bounds
        self.series: dict[Labels, Series] = {}

    def observe(self, labels: Labels, seconds: float) -> None:
        """Count one duration."""
        series = self.series.get(labels)
        if series is None:
            series = self.series[labels] = Series(len(self._bounds))
        series.counts[bisect_left(self._bounds, seconds)] += 1
        series.seconds += seconds

    def add(self, labels: Labels, counts: Sequence[int], seconds: float) -> None:
        """Add durations counted elsewhere with the same bounds, and their sum."""
        series = self.series.setdefault(labels, Series(len(self._bounds)))
        for index, count in enumerate(counts):
            series.counts[index] += count
        series.seconds += seconds

    def buckets(self, labels: Labels) -> list[tuple[str, float]]:
        """Return the cumulative count for every bucket."""
        total = 0
        result = []
        bounds = [*map(str, self._bounds), "+Inf"]
        for bound, count in zip(bounds, self.series[labels].counts, strict=True):
            total += count
            result.append((bound, float(total)))
        return result


@valueclass
class Family:
    """One metric. A counter's name is without the suffix ``_total``."""

    name: str
    description: str
    labels: Sequence[str]
    values: Mapping[Labels, float] | Histogram
    kind: str = GAUGE


@runtime_checkable
class Instrumented(Protocol):
    """A part of the server that has metrics."""

    def families(self) -> Iterable[Family]:
        """Return the current metrics."""
        ...
