"""A priority level: its seats, and the queues of requests that wait for one.

Flows are dealt a hand of queues each and join the shortest of it, so that a flow with very many
requests fills few of the queues. Which queue is served next, a `FairQueue` decides.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final, NamedTuple, Protocol

from apiserver.access.flowcontrol.fair_queue import FairQueue, QueuedRequest
from apiserver.access.flowcontrol.flow_schemas import FlowKey, Target
from apiserver.access.flowcontrol.retry_after import RetryAfter
from apiserver.access.flowcontrol.seat_allocation import Claim, NominalLimits
from apiserver.access.flowcontrol.seat_demand import SeatDemand
from apiserver.access.flowcontrol.work_estimate import ONE_SEAT, WorkEstimate, most_seats
from apiserver.machinery.instruments import Histogram
from apiserver.machinery.objects import Object
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

QUEUE_FULL, TIME_OUT, CONCURRENCY_LIMIT = "queue-full", "time-out", "concurrency-limit"
CANCELLED: Final = "cancelled"
_EXEMPT, _QUEUE = "Exempt", "Queue"


#: Upper bounds of waits, in seconds.
BOUNDS: Final = (0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)


class Details(Protocol):
    """The details of a request that a dump shows."""

    @property
    def user(self) -> UserInfo: ...
    @property
    def verb(self) -> str: ...
    @property
    def info(self) -> Target: ...


@valueclass
class Arrival:
    """A request that waits: its flow, work, and time of arrival in the level's clock."""

    flow: FlowKey
    work: WorkEstimate
    arrived: float
    details: Details | None
    granted: asyncio.Future[None]


class Execution(NamedTuple):
    """A request that is executed: its work, its start, and its place in a queue, if it waited."""

    work: WorkEstimate
    started: float
    waited: QueuedRequest | None


class SchemaCounts:
    """The counts of the requests that a FlowSchema assigns to a level.

    ``waits`` are the seconds of those that had to wait, by whether they were executed then.
    """

    __slots__ = ("dispatched", "executing", "waits")

    def __init__(self) -> None:
        self.dispatched = 0
        self.executing: dict[Details, Execution] = {}
        self.waits = Histogram(BOUNDS)


class Rejected(Exception):
    """There is no seat for a request, and none for it to wait for; ``reason`` is a metric's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSpec:
    """The spec of a level. Without ``queues``, requests without a seat are rejected.

    ``borrowing`` is the percentage of its nominal seats that it may have beyond them, None: any.
    """

    exempt: bool
    shares: int
    lendable: int = 0
    borrowing: int | None = None
    queues: int = 0
    hand_size: int = 0
    queue_length: int = 0


def level_spec(level: Object) -> LevelSpec:
    """Return the spec of an object. Raises KeyError, TypeError or ValueError."""
    spec = level["spec"]
    if spec["type"] == _EXEMPT:
        exempt = spec.get("exempt") or {}
        shares = int(exempt.get("nominalConcurrencyShares", 0))
        lendable = int(exempt.get("lendablePercent", 0))
        return LevelSpec(exempt=True, shares=shares, lendable=lendable)
    limited = spec["limited"]
    found = LevelSpec(
        exempt=False,
        shares=int(limited["nominalConcurrencyShares"]),
        lendable=int(limited.get("lendablePercent", 0)),
        borrowing=limited.get("borrowingLimitPercent"),
    )
    response = limited["limitResponse"]
    if response["type"] != _QUEUE:
        return found
    queuing = response["queuing"]
    return replace(
        found,
        queues=int(queuing["queues"]),
        hand_size=int(queuing["handSize"]),
        queue_length=int(queuing["queueLengthLimit"]),
    )


class PriorityLevel:
    """The seats of a level in use, and its queues. A new spec applies to waiting requests too."""

    def __init__(self, name: str, now: Callable[[], float] = monotonic) -> None:
        self.name = name
        self.uid = ""
        self.spec = LevelSpec(exempt=True, shares=0)
        self.limits = NominalLimits(0, 0, 0)
        #: How many seats it should get, by its demand.
        self.target = 0.0
        self.executing = 0
        self.rejected: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.counts: defaultdict[str, SchemaCounts] = defaultdict(SchemaCounts)
        self.retry_after = RetryAfter()
        self.demand = SeatDemand(now())
        self._now = now
        self.queue = FairQueue()

    @property
    def nominal(self) -> int:
        """The seats that are its own."""
        return self.limits.nominal

    @property
    def limit(self) -> int:
        """The seats that it has at the moment: some may be lent, or borrowed."""
        return self.queue.limit

    @limit.setter
    def limit(self, seats: int) -> None:
        self.queue.limit = seats

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self.queue.waiting

    @property
    def most_seats(self) -> int:
        """How many seats one request may take."""
        return most_seats(self.nominal, self.spec.hand_size)

    def take_seat(self, seats: int = 1) -> bool:
        """Take seats if they are free and no request waits for them; return whether that is so."""
        queue = self.queue
        if self.spec.exempt:
            queue.seats_in_use += seats
        elif not queue.take(seats):
            return False
        self.executing += 1
        self.demand.change(seats, self._now())
        return True

    async def enter(
        self,
        flow: FlowKey,
        seconds: float,
        work: WorkEstimate = ONE_SEAT,
        details: Details | None = None,
    ) -> QueuedRequest | None:
        """Take seats, waiting for at most ``seconds`` if they are not free. Raises Rejected.

        Returns what is to be given back by `leave` if the request has waited.
        """
        if self.take_seat(work.most_seats):
            return None
        if not self.spec.queues:
            raise self._rejection(flow, CONCURRENCY_LIMIT)
        granted = asyncio.get_running_loop().create_future()
        return await self._wait(Arrival(flow, work, self._now(), details, granted), seconds)

    def leave(self, seats: int = 1, waited: QueuedRequest | None = None) -> None:
        """Free the seats of a request: the next ones take them."""
        now = self._now()
        self.executing -= 1
        self.demand.change(-seats, now)
        if waited is None:
            self.queue.free(seats)
        else:
            self.queue.finish(waited, now)
        if self.queue.waiting:
            self.dispatch()

    def dispatch(self) -> None:
        """Give free seats to waiting requests."""
        for request in self.queue.dispatch(self._now()):
            self.executing += 1
            if not request.waiter.granted.done():
                request.waiter.granted.set_result(None)

    def forget(self, schema: str) -> None:
        """Drop the counts of a schema that was removed."""
        self.counts.pop(schema, None)
        for counted in [each for each in self.rejected if each[0] == schema]:
            del self.rejected[counted]

    def claim(self, now: float) -> Claim:
        """Return how many seats it claims, by what was wanted since the last call."""
        demand, limits = self.demand, self.limits
        demand.end_period(now)
        least = max(limits.lower, min(limits.nominal, demand.high_watermark))
        self.target = max(least, demand.smoothed)
        return Claim(self.target, least, limits.upper)

    async def _wait(self, arrival: Arrival, seconds: float) -> QueuedRequest:
        flow, seats = arrival.flow, arrival.work.most_seats
        queue = self.queue.shortest(hand(flow, self.spec.queues, self.spec.hand_size))
        if len(queue.waiting) >= self.spec.queue_length:
            raise self._rejection(flow, QUEUE_FULL)
        request = self.queue.wait(queue, seats, arrival)
        self.demand.change(seats, arrival.arrived)
        # It may fit before requests that need more seats.
        self.dispatch()
        try:
            async with asyncio.timeout(seconds):
                await arrival.granted
        except (TimeoutError, asyncio.CancelledError) as error:
            if request.started >= 0:
                # It was given its seats in the same moment.
                self.leave(seats, request)
            else:
                self.queue.leave(request)
                self.demand.change(-seats, self._now())
                self.dispatch()
            if isinstance(error, TimeoutError):
                raise self._rejection(flow, TIME_OUT) from error
            self.rejected[flow[0], CANCELLED] += 1
            raise
        return request

    def _rejection(self, flow: FlowKey, reason: str) -> Rejected:
        self.rejected[flow[0], reason] += 1
        return Rejected(reason)


_HASHED: Final = 8


def hand(flow: FlowKey, queues: int, size: int) -> list[int]:
    """Deal a flow its hand: ``size`` different ones of ``queues`` queues, always the same."""
    text = f"{len(flow[0])}:{flow[0]},{flow[1]}".encode(errors="surrogatepass")
    number = int.from_bytes(hashlib.blake2b(text, digest_size=_HASHED).digest(), "big")
    dealt: list[int] = []
    for left in range(queues, queues - min(size, queues), -1):
        number, card = divmod(number, left)
        # The card is one of those left: those dealt are skipped.
        for other in sorted(dealt):
            if other <= card:
                card += 1
        dealt.append(card)
    return dealt
