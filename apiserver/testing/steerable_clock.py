"""SteerableClock: the time of a server for tests, which can be moved and frozen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from apiserver.machinery.times import Clock

# A long advance is made in steps, at most so many, so that periodic calls recur.
_MAX_STEPS: Final = 16
# How many iterations of the event loop follow each step.
_TURNS: Final = 20


class SteerableTimer:
    """A call that is due after so many seconds, of which `SteerableClock.advance` skips some.

    A frozen clock does not hold it up: retries go on.
    """

    def __init__(self, clock: SteerableClock, seconds: float, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._callback = callback
        self._due = clock.passed() + seconds
        self._handle: asyncio.Handle | None = None
        self.schedule()

    def when(self) -> float:
        """Return the due time, to be compared with that of other timers."""
        return self._due

    def cancel(self) -> None:
        """Cancel the call."""
        self._clock.timers.discard(self)
        if self._handle is not None:
            self._handle.cancel()

    def schedule(self) -> None:
        """Schedule the call by what is left of its time."""
        if self._handle is not None:
            self._handle.cancel()
        left = self._due - self._clock.passed()
        self._handle = asyncio.get_running_loop().call_later(max(left, 0.0), self._call)

    def _call(self) -> None:
        self._clock.timers.discard(self)
        self._callback()


class SteerableClock(Clock):
    """The system's clock, unless it is moved or frozen.

    `monotonic` never goes back, not even when `set` turns `time` back.
    """

    def __init__(self) -> None:
        #: The timers that are not due yet.
        self.timers: set[SteerableTimer] = set()
        self._skipped = 0.0
        self._offset = 0.0
        self._ahead = 0.0
        # What `time` and `monotonic` return while the clock is frozen.
        self._frozen: tuple[float, float] | None = None
        self._sleepers: dict[asyncio.Future[None], float] = {}

    def time(self) -> float:
        return time.time() + self._offset if self._frozen is None else self._frozen[0]

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead if self._frozen is None else self._frozen[1]

    def freeze(self, moment: float | None = None) -> None:
        """Stop at a moment, in seconds since 1970; by default now."""
        self._frozen = (self.time() if moment is None else moment, self.monotonic())

    def set(self, moment: float) -> None:
        """Go on from a moment; a frozen clock stays frozen."""
        if self._frozen is None:
            self._offset = moment - time.time()
        else:
            self._frozen = (moment, self._frozen[1])

    def resume(self) -> None:
        """Let a frozen clock run again, from its current time."""
        if self._frozen is not None:
            moment, steady = self._frozen
            self._frozen = None
            self._offset, self._ahead = moment - time.time(), steady - time.monotonic()

    def reset(self) -> None:
        """Show the system's time again."""
        self.resume()
        self._offset = 0.0

    async def advance(self, seconds: float) -> None:
        """Move ahead, and wake those whose sleep is over, in the order of their times."""
        end = self.monotonic() + seconds
        for _ in range(_MAX_STEPS):
            following = min(self._sleepers.values(), default=end)
            if following >= end:
                break
            await self._step(following)
        await self._step(end)

    def passed(self) -> float:
        """Return the seconds that have passed, skipped ones included, from an arbitrary start."""
        return time.monotonic() + self._skipped

    def call_later(self, seconds: float, callback: Callable[[], None]) -> SteerableTimer:
        """Call a function after so many seconds."""
        timer = SteerableTimer(self, seconds, callback)
        self.timers.add(timer)
        return timer

    async def sleep(self, seconds: float) -> None:
        """Sleep by this clock."""
        due = self.monotonic() + seconds
        while (left := due - self.monotonic()) > 0:
            moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers[moved] = due
            try:
                # A clock that is frozen meanwhile is looked at again when it would be time.
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await moved
            finally:
                del self._sleepers[moved]

    async def _step(self, steady: float) -> None:
        seconds = max(steady - self.monotonic(), 0.0)
        if self._frozen is None:
            self._offset += seconds
            self._ahead += seconds
        else:
            # Sums of fractions must not show 299.99 seconds for 300.
            moment = round(self._frozen[0] + seconds, 6)
            self._frozen = (moment, self._frozen[1] + seconds)
        self._skipped += seconds
        for timer in sorted(self.timers, key=SteerableTimer.when):
            timer.schedule()
        for moved in self._sleepers:
            if not moved.done():
                moved.set_result(None)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
