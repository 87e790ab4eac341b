"""Expiry: a timer that calls a store when its next key expires."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from storage.errors import StorageError

_RETRY_DELAY = 1.0

log = logging.getLogger(__name__)


def steady_clock() -> Callable[[], float]:
    """Return a clock of seconds since 1970 that is not affected by changes of the system clock.

    A deadline must survive restarts, so it is stored as a date. A time to live is a duration, so
    within a process the clock must be monotonic.
    """
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


class Expiry:
    """A timer for the earliest of many deadlines.

    ``expire`` deletes the keys that are due and returns the number of seconds until the next
    deadline, ``None`` if there is none.
    """

    def __init__(self, expire: Callable[[], Awaitable[float | None]]) -> None:
        self._expire = expire
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def within(self, seconds: float) -> None:
        """Schedule a call of ``expire`` in at most ``seconds``."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(seconds, 0.0)
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._start)

    async def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _start(self) -> None:
        self._timer = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="store-expiry")

    async def _run(self) -> None:
        try:
            following = await self._expire()
        except StorageError as error:
            log.warning("deleting expired keys failed: %s", error)
            following = _RETRY_DELAY
        if following is not None:
            self.within(following)
