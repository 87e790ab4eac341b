"""SteerableClock: the time of a server for tests, which can be moved and frozen."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Final

from apiserver.machinery.times import Clock

# A long way is gone in steps, so that what recurs does so more than once; in so many at most.
_MOST_STEPS: Final = 16
# How often the event loop gets its turn at each step.
_TURNS: Final = 20


class SteerableClock(Clock):
    """The system's clock, unless it is moved or frozen.

    `monotonic` never goes back, not even when `set` turns `time` back.
    """

    def __init__(self) -> None:
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
        """Let a frozen clock run again, from where it stands."""
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
        for _ in range(_MOST_STEPS):
            following = min(self._sleepers.values(), default=end)
            if following >= end:
                break
            await self._step(following)
        await self._step(end)

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
        for moved in self._sleepers:
            if not moved.done():
                moved.set_result(None)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
