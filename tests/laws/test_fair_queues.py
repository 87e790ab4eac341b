"""Invariants of fair queues.

Capacity: what is executed has its seats, or is alone. Order: a queue is first in, first out. No
starvation: a request is overtaken by each other flow for about as many seats as it needs itself.
Completeness: whatever waits is executed in the end, and then nothing is left.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from apiserver.access.flowcontrol.fair_queue import FairQueue, QueuedRequest

MAX_SEATS = 10


def by_flow() -> defaultdict[int, list[QueuedRequest]]:
    return defaultdict(list)


@dataclass
class Run:
    """A queue under traffic; ``busy`` are the seats and requests executed, in that order."""

    queue: FairQueue
    now: float = 0.0
    busy: list[tuple[int, QueuedRequest | None]] = field(default_factory=list)
    arrived: defaultdict[int, list[QueuedRequest]] = field(default_factory=by_flow)
    started: defaultdict[int, list[QueuedRequest]] = field(default_factory=by_flow)

    def add(self, flow: int, seats: int) -> QueuedRequest | None:
        if self.queue.take(seats):
            self.note((seats, None))
            return None
        request = self.queue.wait(self.queue.shortest([flow]), seats)
        self.arrived[flow].append(request)
        self.dispatch()
        return request

    def finish(self, index: int) -> list[QueuedRequest]:
        seats, request = self.busy.pop(index % len(self.busy))
        if request is None:
            self.queue.free(seats)
        else:
            self.queue.finish(request, self.now)
        return self.dispatch()

    def dispatch(self) -> list[QueuedRequest]:
        dispatched = self.queue.dispatch(self.now)
        for request in dispatched:
            self.started[request.queue.index].append(request)
            self.note((request.seats, request))
        return dispatched

    def note(self, executed: tuple[int, QueuedRequest | None]) -> None:
        self.busy.append(executed)
        assert self.queue.seats_in_use <= self.queue.limit or len(self.busy) == 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "finish", "limit", "leave"]),
        st.integers(0, 7),
        st.integers(1, MAX_SEATS),
        st.sampled_from([0.0, 0.001, 0.1]),
    ),
    max_size=60,
)


@given(st.integers(1, 12), STEPS)
def test_seats_are_never_exceeded_queues_keep_their_order_and_all_are_executed(
    limit: int, steps: list[tuple[str, int, int, float]]
) -> None:
    run = Run(FairQueue(limit))
    for what, flow, number, seconds in steps:
        run.now += seconds
        if what == "add":
            run.add(flow, number)
        elif what == "limit":
            # Fewer seats take none away, so that is not judged.
            run.queue.limit = max(number, run.queue.seats_in_use, 1)
            run.dispatch()
        elif what == "finish" and run.busy:
            run.finish(number)
        elif what == "leave":
            waiting = [each for each in run.arrived[flow] if each.started < 0]
            if waiting:
                given_up = waiting[number % len(waiting)]
                run.arrived[flow].remove(given_up)
                run.queue.leave(given_up)
                run.dispatch()
        assert sum(seats for seats, _ in run.busy) == run.queue.seats_in_use
    while run.busy:
        run.now += 0.01
        run.finish(0)
    assert run.started == {flow: found for flow, found in run.arrived.items() if found}
    queue = run.queue
    assert (queue.waiting, queue.seats_waiting, queue.seats_in_use) == (0, 0, 0)
    assert not queue.queues


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(1, MAX_SEATS), st.integers(1, 5)), min_size=1, max_size=5),
    st.integers(1, MAX_SEATS),
    st.lists(st.sampled_from([0.0, 0.001, 0.02, 1.0]), min_size=1, max_size=8),
)
def test_no_flow_starves_however_many_requests_the_others_have(
    limit: int, others: list[tuple[int, int]], seats: int, durations: list[float]
) -> None:
    run = Run(FairQueue(limit))
    for flow, (width, backlog) in enumerate(others):
        for _ in range(backlog + limit):
            run.add(flow, width)
    quiet = run.add(7, seats)
    assert quiet is not None
    overtaking: Counter[int] = Counter()
    step = 0
    while quiet.started < 0:
        run.now += durations[step % len(durations)]
        step += 1
        for request in run.finish(step):
            flow = request.queue.index
            if flow != 7:
                overtaking[flow] += request.seats
                run.add(flow, request.seats)
        assert not overtaking or max(overtaking.values()) <= seats + 2 * MAX_SEATS
