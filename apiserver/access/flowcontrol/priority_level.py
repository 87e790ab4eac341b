"""A priority level: its seats, and the queues of those who wait for one.

Flows are dealt a hand of queues each and join the shortest of it, so that a flow with very many
requests fills few of the queues. Queues are served in turn: a request is tagged on arrival with the
virtual time at which its queue may be served next, and the lowest tag comes first.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Final

from apiserver.machinery.objects import Object

QUEUE_FULL, TIME_OUT, CONCURRENCY_LIMIT = "queue-full", "time-out", "concurrency-limit"
_EXEMPT, _QUEUE = "Exempt", "Queue"


class Rejected(Exception):
    """There is no seat for a request, and none for it to wait for; ``reason`` is a metric's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSpec:
    """The spec of a level. No ``queues``: who finds no seat is rejected.

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
        return LevelSpec(exempt=True, shares=shares)
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


@dataclass(slots=True)
class _Queue:
    waiting: int = 0
    #: The virtual time at which the last of its requests is served.
    served: int = 0


class PriorityLevel:
    """The seats of a level in use, and its queues. Changes of its spec find those who wait."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.uid = ""
        self.spec = LevelSpec(exempt=True, shares=0)
        self.nominal = 0
        #: The seats that it has at the moment: some may be lent, or borrowed.
        self.limit = 0
        self.executing = 0
        self.waiting = 0
        self.rejected: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._peak = 0
        self._now = 0
        self._arrivals = 0
        self._queues: dict[int, _Queue] = {}
        self._order: list[tuple[int, int, int, asyncio.Future[None]]] = []

    def take_seat(self) -> bool:
        """Take a seat if one is free and no request waits for it; return whether that is so."""
        if self.spec.exempt or (self.executing < self.limit and not self.waiting):
            self.executing += 1
            self._peak = max(self._peak, self.executing)
            return True
        return False

    async def enter(self, flow: tuple[str, str], seconds: float) -> None:
        """Take a seat, waiting for at most ``seconds`` if none is free. Raises Rejected."""
        if self.take_seat():
            return
        if not self.spec.queues:
            self._peak = max(self._peak, self.executing + 1)
            raise self._rejection(flow, CONCURRENCY_LIMIT)
        await self._wait(flow, seconds)

    def leave(self) -> None:
        """Free a seat: the next one takes it."""
        self.executing -= 1
        self.dispatch()

    def dispatch(self) -> None:
        """Give free seats to those who wait."""
        while self._order and (self.spec.exempt or self.executing < self.limit):
            tag, _, number, turn = heappop(self._order)
            if turn.done():
                continue
            self._now = tag
            self._left_queue(number)
            self.executing += 1
            turn.set_result(None)

    def take_peak(self) -> int:
        """Return how many seats were wanted at once since the last call."""
        peak, self._peak = self._peak, self.executing + self.waiting
        return peak

    async def _wait(self, flow: tuple[str, str], seconds: float) -> None:
        number = self._shortest(flow)
        queue = self._queues.setdefault(number, _Queue())
        if queue.waiting >= self.spec.queue_length:
            raise self._rejection(flow, QUEUE_FULL)
        tag = max(self._now, queue.served)
        queue.served = tag + 1
        queue.waiting += 1
        self.waiting += 1
        self._peak = max(self._peak, self.executing + self.waiting)
        self._arrivals += 1
        turn = asyncio.get_running_loop().create_future()
        heappush(self._order, (tag, self._arrivals, number, turn))
        # A level may have been given more seats since the last one was freed.
        self.dispatch()
        try:
            async with asyncio.timeout(seconds):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn.done() and not turn.cancelled():
                # It was given a seat in the same moment.
                self.leave()
            else:
                self._left_queue(number)
                self._forget_gone()
            if isinstance(error, TimeoutError):
                raise self._rejection(flow, TIME_OUT) from error
            raise

    def _left_queue(self, number: int) -> None:
        self.waiting -= 1
        queue = self._queues[number]
        queue.waiting -= 1
        if not queue.waiting and queue.served <= self._now:
            del self._queues[number]
        if not self.waiting:
            # Past service no longer counts.
            self._queues.clear()

    def _forget_gone(self) -> None:
        # Those who gave up stay in the order until their turn, unless they are most of it.
        if len(self._order) > 2 * self.waiting:
            self._order = sorted(each for each in self._order if not each[-1].done())

    def _rejection(self, flow: tuple[str, str], reason: str) -> Rejected:
        self.rejected[flow[0], reason] += 1
        return Rejected(reason)

    def _shortest(self, flow: tuple[str, str]) -> int:
        def length(number: int) -> int:
            queue = self._queues.get(number)
            return queue.waiting if queue else 0

        return min(hand(flow, self.spec.queues, self.spec.hand_size), key=length)


_HASHED: Final = 8


def hand(flow: tuple[str, str], queues: int, size: int) -> list[int]:
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
