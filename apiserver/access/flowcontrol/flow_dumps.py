"""The tables below /debug/api_priority_and_fairness: levels, queues and requests as they are now.

https://kubernetes.io/docs/reference/debug-cluster/flow-control/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from apiserver.access.flowcontrol.fair_queue import Queue
from apiserver.access.flowcontrol.flow_schemas import FlowKey
from apiserver.access.flowcontrol.priority_level import (
    CANCELLED,
    TIME_OUT,
    Arrival,
    Details,
    PriorityLevel,
)
from apiserver.access.flowcontrol.work_estimate import WorkEstimate

_MIN_WIDTH: Final = 8
#: So many queues are shown even if they are idle.
_SHOWN_QUEUES: Final = 1024
_NEVER: Final = "0001-01-01T00:00:00Z"
_LEVELS: Final = (
    "PriorityLevelName", "ActiveQueues", "IsIdle", "IsQuiescing", "WaitingRequests",
    "ExecutingRequests", "DispatchedRequests", "RejectedRequests", "TimedoutRequests",
    "CancelledRequests",
)  # fmt: skip
_QUEUES: Final = (
    "PriorityLevelName", "Index", "PendingRequests", "ExecutingRequests", "SeatsInUse",
    "NextDispatchR", "InitialSeatsSum", "MaxSeatsSum", "TotalWorkSum",
)  # fmt: skip
_REQUESTS: Final = (
    "PriorityLevelName", "FlowSchemaName", "QueueIndex", "RequestIndexInQueue", "FlowDistingsher",
    "ArriveTime", "InitialSeats", "FinalSeats", "AdditionalLatency", "StartTime",
)  # fmt: skip
_DETAILS: Final = (
    "UserName", "Verb", "APIPath", "Namespace", "Name", "APIVersion", "Resource", "SubResource",
)  # fmt: skip


def dump_priority_levels(levels: Iterable[PriorityLevel]) -> str:
    """Return a row for every priority level."""
    return _table(_LEVELS, map(_level_row, levels))


def dump_queues(levels: Iterable[PriorityLevel]) -> str:
    """Return a row for every queue."""
    rows = (_queue_row(level, queue) for level in levels for queue in _queues(level))
    return _table(_QUEUES, rows)


def dump_requests(levels: Iterable[PriorityLevel], since: float, *, details: bool) -> str:
    """Return a row for every request; ``since`` is when the clock of the levels began."""
    found = [
        each for level in levels for each in (*_waiting(level, since), *_executing(level, since))
    ]
    if not details:
        return _table(_REQUESTS, [row for row, _ in found])
    return _table((*_REQUESTS, *_DETAILS), [(*row, *_detail_cells(of)) for row, of in found])


#: The tables that need nothing but the levels, by the last segment of their paths.
TABLES: Final[Mapping[str, Callable[[Iterable[PriorityLevel]], str]]] = {
    "dump_priority_levels": dump_priority_levels,
    "dump_queues": dump_queues,
}


def _level_row(level: PriorityLevel) -> Sequence[str]:
    rejected = Counter[str]()
    for (_, reason), count in level.rejected.items():
        rejected[reason] += count
    queues = level.queue.queues.values()
    idle = not level.executing and not level.waiting
    return (
        level.name,
        str(sum(bool(queue.waiting) for queue in queues)),
        str(idle).lower(),
        # One that is deleted is not shown.
        "false",
        str(level.waiting),
        str(level.executing),
        str(sum(counts.dispatched for counts in level.counts.values())),
        str(rejected.total()),
        str(rejected[TIME_OUT]),
        str(rejected[CANCELLED]),
    )


def _queues(level: PriorityLevel) -> Iterator[Queue]:
    used = level.queue.queues
    shown = range(min(level.spec.queues, _SHOWN_QUEUES))
    for index in sorted({*shown, *used}):
        yield used.get(index) or Queue(index)


def _queue_row(level: PriorityLevel, queue: Queue) -> Sequence[str]:
    return (
        level.name,
        str(queue.index),
        str(len(queue.waiting)),
        str(queue.executing),
        str(queue.seats_in_use),
        _seat_seconds(queue.next_start),
        str(sum(request.waiter.work.seats for request in queue.waiting)),
        str(queue.seats_waiting),
        _seat_seconds(queue.work_waiting),
    )


def _waiting(level: PriorityLevel, since: float) -> Iterator[tuple[Sequence[str], Details | None]]:
    for _, queue in sorted(level.queue.queues.items()):
        for place, request in enumerate(queue.waiting):
            arrival: Arrival = request.waiter
            times = since + arrival.arrived, None
            row = _request_row(level, arrival.flow, (queue.index, place), arrival.work, times)
            yield row, arrival.details


def _executing(
    level: PriorityLevel, since: float
) -> Iterator[tuple[Sequence[str], Details | None]]:
    for schema, counts in level.counts.items():
        for details, (work, started, waited) in counts.executing.items():
            flow, index, arrived = FlowKey(schema, ""), -1, started
            if waited is not None:
                flow, index = waited.waiter.flow, waited.queue.index
                arrived = waited.waiter.arrived
            times = since + arrived, since + started
            yield _request_row(level, flow, (index, -1), work, times), details


def _request_row(
    level: PriorityLevel,
    flow: FlowKey,
    place: tuple[int, int],
    work: WorkEstimate,
    times: tuple[float, float | None],
) -> Sequence[str]:
    arrived, started = times
    return (
        level.name,
        flow[0],
        *map(str, place),
        flow[1],
        _time(arrived),
        str(work.seats),
        str(work.final_seats),
        _milliseconds(work.final_seconds),
        _NEVER if started is None else _time(started),
    )


def _detail_cells(details: Details | None) -> Sequence[str]:
    if details is None:
        return ("",) * len(_DETAILS)
    info = details.info
    return (
        details.user.name,
        details.verb,
        info.path,
        info.namespace,
        info.name,
        f"{info.group}/{info.version}" if info.group else info.version,
        info.resource,
        info.subresource,
    )


def _seat_seconds(value: float) -> str:
    return f"{value:.8f}ss"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:g}ms" if seconds else "0s"


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    fraction = f"{moment:.%f}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Align columns, which are separated by commas."""
    lines = [header, *rows]
    cells = [[f"{cell}," for cell in line[:-1]] for line in lines]
    widths = [
        max(_MIN_WIDTH, *(len(cell) + 1 for cell in column)) for column in zip(*cells, strict=True)
    ]
    return "".join(
        "".join(map(str.ljust, row, widths)) + line[-1] + "\n"
        for row, line in zip(cells, lines, strict=True)
    )
