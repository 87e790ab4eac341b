"""The metrics of flow control, with the names and labels of kube-apiserver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from apiserver.access.flowcontrol.priority_level import BOUNDS, PriorityLevel
from apiserver.machinery.instruments import COUNTER, Family, Histogram, Labels

_PREFIX: Final = "apiserver_flowcontrol_"
_LEVEL: Final = ("priority_level",)
_SCHEMA: Final = ("priority_level", "flow_schema")


def flow_families(levels: Sequence[PriorityLevel], fair_fraction: float) -> Iterator[Family]:
    """Yield the metrics of priority levels."""
    yield from _counters(levels)
    yield from _current(levels)
    yield _waits(levels)
    for name, description, read in _GAUGES:
        values: dict[Labels, float] = {(level.name,): read(level) for level in levels}
        yield Family(_PREFIX + name, description, _LEVEL, values)
    description = "The proportion of the seats that a level wants that it gets."
    yield Family(f"{_PREFIX}seat_fair_frac", description, (), {(): fair_fraction})


def _counters(levels: Iterable[PriorityLevel]) -> Iterator[Family]:
    dispatched: dict[Labels, float] = {}
    rejected: dict[Labels, float] = {}
    for level in levels:
        for schema, counts in level.counts.items():
            dispatched[level.name, schema] = counts.dispatched
        for (schema, reason), count in level.rejected.items():
            rejected[level.name, schema, reason] = count
    yield Family(
        f"{_PREFIX}dispatched_requests", "Requests executed.", _SCHEMA, dispatched, COUNTER
    )
    labels = (*_SCHEMA, "reason")
    yield Family(f"{_PREFIX}rejected_requests", "Requests rejected.", labels, rejected, COUNTER)


def _current(levels: Iterable[PriorityLevel]) -> Iterator[Family]:
    executing, in_seats = Counter[Labels](), Counter[Labels]()
    waiting, for_seats = Counter[Labels](), Counter[Labels]()
    for level in levels:
        for schema in level.counts:
            for counter in (executing, in_seats, waiting, for_seats):
                counter[level.name, schema] += 0
        for schema, counts in level.counts.items():
            for work, _, _ in counts.executing.values():
                executing[level.name, schema] += 1
                in_seats[level.name, schema] += work.most_seats
        for queue in level.queue.queues.values():
            for request in queue.waiting:
                labels = level.name, request.waiter.flow[0]
                waiting[labels] += 1
                for_seats[labels] += request.seats
    for name, description, values in (
        ("current_executing_requests", "Requests being executed.", executing),
        ("current_executing_seats", "Seats of requests being executed.", in_seats),
        ("current_inqueue_requests", "Requests that wait.", waiting),
        ("current_inqueue_seats", "Seats of requests that wait.", for_seats),
    ):
        yield Family(_PREFIX + name, description, _SCHEMA, dict(values))


def _waits(levels: Iterable[PriorityLevel]) -> Family:
    waits = Histogram(BOUNDS)
    for level in levels:
        for schema, counts in level.counts.items():
            waited = 0
            for kind, found in counts.waits.series.items():
                waits.add((level.name, schema, *kind), found.counts, found.seconds)
                if kind == ("true",):
                    waited = sum(found.counts)
            # Those that found their seats free have waited for no time.
            waits.add((level.name, schema, "true"), [counts.dispatched - waited], 0.0)
    return Family(
        f"{_PREFIX}request_wait_duration_seconds",
        "How long requests waited in their queues.",
        (*_SCHEMA, "execute"),
        waits,
    )


_GAUGES: Final[Sequence[tuple[str, str, Callable[[PriorityLevel], float]]]] = (
    ("nominal_limit_seats", "Seats by configuration.", lambda level: level.limits.nominal),
    ("lower_limit_seats", "Seats if all are lent that may be.", lambda level: level.limits.lower),
    ("upper_limit_seats", "Seats if all are borrowed.", lambda level: level.limits.upper),
    ("current_limit_seats", "Seats now.", lambda level: level.limit),
    (
        "demand_seats_high_watermark",
        "The largest number of seats wanted in the last period.",
        lambda level: level.demand.high_watermark,
    ),
    (
        "demand_seats_average",
        "The average number of seats wanted in the last period.",
        lambda level: level.demand.average,
    ),
    (
        "demand_seats_stdev",
        "The standard deviation of the number of seats wanted in the last period.",
        lambda level: level.demand.deviation,
    ),
    (
        "demand_seats_smoothed",
        "The number of seats wanted, over several periods.",
        lambda level: level.demand.smoothed,
    ),
    ("target_seats", "The seats that the level should get.", lambda level: level.target),
    ("current_r", "The virtual time of the level.", lambda level: level.queue.progress),
)
