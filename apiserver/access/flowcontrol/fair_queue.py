"""FairQueue: executes requests of many flows on a limited number of seats.

Requests wait in queues, first in, first out. Among the queues, start-time fair queuing decides: the
seat-seconds that a queue has used are its *virtual time*, at which its next request may start. The
request is executed next whose virtual finish, by an estimate of its duration, is the earliest. When
a request has taken longer than estimated, its queue is charged for that, too. A queue that was idle
starts at the *progress*, the latest virtual start of all, so idleness is not saved up. While none
waits, requests are executed as they come, and no queue is charged for them.

Laws:

- A request is executed only if its seats are free, or if it needs more than there are and is alone.
- While a request waits, none that comes later takes a seat before it but by a virtual finish, and
  every execution moves that of its queue on by a least amount: no queue starves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

#: The estimated duration of a request in seconds, and its minimum charge.
ESTIMATED_SECONDS: Final = 0.003


class QueuedRequest:
    """A request that waits, or has waited, for so many seats in a queue.

    ``started`` is when it was executed, in seconds of the clock of the caller; negative while it
    waits. ``waiter`` belongs to the caller.
    """

    __slots__ = ("queue", "seats", "started", "virtual_arrival", "waiter")

    def __init__(self, queue: Queue, seats: int, virtual_arrival: float, waiter: Any) -> None:
        self.queue = queue
        self.seats = seats
        self.virtual_arrival = virtual_arrival
        self.waiter = waiter
        self.started = -1.0


class Queue:
    """The requests of one queue; ``next_start`` is its virtual time in seat-seconds.

    ``virtual_start`` and ``virtual_finish`` are those of the first request that waits.
    """

    __slots__ = (
        "executing", "index", "next_start", "seats_in_use", "seats_waiting",
        "virtual_finish", "virtual_start", "waiting",
    )  # fmt: skip

    def __init__(self, index: int) -> None:
        self.index = index
        self.waiting: OrderedDict[QueuedRequest, None] = OrderedDict()
        self.executing = 0
        self.seats_in_use = 0
        self.seats_waiting = 0
        self.next_start = self.virtual_start = self.virtual_finish = 0.0

    @property
    def work_waiting(self) -> float:
        """The estimated work of the requests that wait, in seat-seconds."""
        return self.seats_waiting * ESTIMATED_SECONDS

    def update(self) -> None:
        """Work out when the first request that waits may start, and when it would be finished."""
        first = next(iter(self.waiting), None)
        if first is not None:
            self.virtual_start = max(self.next_start, first.virtual_arrival)
            self.virtual_finish = self.virtual_start + first.seats * ESTIMATED_SECONDS


_FINISH: Final = attrgetter("virtual_finish")


class FairQueue:
    """Requests on ``limit`` seats, and the queues of those that wait for one."""

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.progress = 0.0
        self.seats_in_use = 0
        self.seats_waiting = 0
        self.waiting = 0
        # Only queues with requests exist, by index; those that requests wait in, again.
        self.queues: dict[int, Queue] = {}
        self._waited_in: dict[int, Queue] = {}
        self._arrivals = 0

    def take(self, seats: int) -> bool:
        """Execute a request if its seats are free and none waits; return whether that is so."""
        if self._waited_in or not self._fits(seats):
            return False
        self.seats_in_use += seats
        return True

    def shortest(self, hand: Sequence[int]) -> Queue:
        """Return the one of these queues in which the least work waits."""
        # The search starts behind the last queue found, so that equal queues are served in turn.
        self._arrivals += 1
        first = self._arrivals % len(hand)

        def work(index: int) -> int:
            queue = self._waited_in.get(index)
            return 0 if queue is None else queue.seats_waiting

        index = min((*hand[first:], *hand[:first]), key=work)
        return self.queues.get(index) or Queue(index)

    def wait(self, queue: Queue, seats: int, waiter: Any = None) -> QueuedRequest:
        """Queue a request. It may be executed at once: see `dispatch`."""
        request = QueuedRequest(queue, seats, self.progress, waiter)
        queue.waiting[request] = None
        queue.seats_waiting += seats
        self.seats_waiting += seats
        self.waiting += 1
        self.queues[queue.index] = self._waited_in[queue.index] = queue
        if len(queue.waiting) == 1:
            queue.update()
        return request

    def dispatch(self, now: float) -> list[QueuedRequest]:
        """Dispatch the queued requests that have seats, and return them."""
        dispatched = []
        while self._waited_in and self.seats_in_use < self.limit:
            queue = min(self._waited_in.values(), key=_FINISH)
            request = next(iter(queue.waiting))
            if not self._fits(request.seats):
                # It is its turn, however many seats it needs: no other request overtakes it.
                break
            self.progress = max(self.progress, queue.virtual_start)
            queue.next_start = queue.virtual_finish
            queue.executing += 1
            queue.seats_in_use += request.seats
            self._dequeue(request)
            self.seats_in_use += request.seats
            request.started = now
            dispatched.append(request)
        return dispatched

    def free(self, seats: int) -> None:
        """End a request that has not waited."""
        self.seats_in_use -= seats

    def finish(self, request: QueuedRequest, now: float) -> None:
        """End a request that has waited, and charge its queue for the time that it took."""
        queue = request.queue
        self.seats_in_use -= request.seats
        queue.executing -= 1
        queue.seats_in_use -= request.seats
        late = now - request.started - ESTIMATED_SECONDS
        if late > 0:
            queue.next_start += request.seats * late
            queue.update()
        self._discard_idle(queue)

    def leave(self, request: QueuedRequest) -> None:
        """Remove a waiting request, after which others may be executed."""
        self._dequeue(request)
        self._discard_idle(request.queue)

    def _fits(self, seats: int) -> bool:
        if seats > self.limit:
            return not self.seats_in_use and self.limit > 0
        return self.seats_in_use + seats <= self.limit

    def _dequeue(self, request: QueuedRequest) -> None:
        queue = request.queue
        del queue.waiting[request]
        queue.seats_waiting -= request.seats
        self.seats_waiting -= request.seats
        self.waiting -= 1
        if queue.waiting:
            queue.update()
        else:
            del self._waited_in[queue.index]

    def _discard_idle(self, queue: Queue) -> None:
        if not queue.executing and not queue.waiting:
            self.queues.pop(queue.index, None)
