"""Expiry: calls a store back when the next of its keys is due to end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from storage.errors import StorageError

_RETRY_DELAY = 1.0

log = logging.getLogger(__name__)


def steady_clock() -> Callable[[], float]:
    """Return a clock of seconds since 1970 that goes on steadily when the system's clock is set.

    What expires is kept across restarts, so it needs a date; what was meant is a duration.
    """
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


class Expiry:
    """A timer for the earliest of many moments.

    ``expire`` deletes what is due and returns in how many seconds the next key is, ``None`` where
    no key is waiting.
    """

    def __init__(self, expire: Callable[[], Awaitable[float | None]]) -> None:
        self._expire = expire
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def within(self, seconds: float) -> None:
        """See to it that ``expire`` is called in ``seconds`` at the latest."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(seconds, 0.0)
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._start)

    async def close(self) -> None:
        """Call nothing any more."""
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
            log.warning("deleting what has expired failed: %s", error)
            following = _RETRY_DELAY
        if following is not None:
            self.within(following)
