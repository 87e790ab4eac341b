"""WorkQueue: a queue of keys to reconcile, with the semantics of client-go's workqueue.

A key that is already queued is not added again. A key that is added while it is processed is queued
again when it is done: no change is missed, and no key is processed twice at once. A key may be
added with a delay, or after a failure with a delay that doubles with each consecutive failure. Of
several delays the shortest applies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from apiserver.client.queue_metrics import QueueMetrics, moment

MIN_DELAY: Final = 0.005
MAX_DELAY: Final = 60.0


class Timer(Protocol):
    """A scheduled call that can be cancelled."""

    def cancel(self) -> None:
        """Cancel the call."""
        ...

    def when(self) -> float:
        """Return the due time, by the clock of the event loop."""
        ...


#: Schedules a call after so many seconds.
Later = Callable[[float, Callable[[], None]], Timer]

_later: Later | None = None


def set_later(later: Later | None) -> None:
    """Replace what schedules the delays of the queues of this process; ``None``: the event loop."""
    global _later
    _later = later


class WorkQueue:
    """A queue of keys. ``later`` schedules calls; the default is the event loop's."""

    def __init__(self, later: Later | None = None, metrics: QueueMetrics | None = None) -> None:
        self._later: Later = later or _later or asyncio.get_running_loop().call_later
        self._metrics = metrics or QueueMetrics("")
        # In the order in which they were added, each with the time of that.
        self._due: dict[str, float] = {}
        self._working: set[str] = set()
        self._again: set[str] = set()
        self._timers: dict[str, Timer] = {}
        self._failures: dict[str, int] = {}
        self._is_due = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._due)

    def add(self, key: str) -> None:
        """Queue a key."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._working:
            if key not in self._again:
                self._metrics.adds += 1
                self._again.add(key)
        elif key not in self._due:
            self._metrics.adds += 1
            self._put(key)

    def add_after(self, key: str, seconds: float) -> None:
        """Queue a key after a delay, unless it is due earlier."""
        if key in self._due:
            return
        timer, before = self._later(seconds, lambda: self.add(key)), self._timers.get(key)
        if before is not None:
            if before.when() <= timer.when():
                timer.cancel()
                return
            before.cancel()
        self._timers[key] = timer

    def add_rate_limited(self, key: str) -> None:
        """Queue a key again after a failure, with exponential backoff."""
        self._metrics.retries += 1
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(MIN_DELAY * 2.0 ** min(failures, 30), MAX_DELAY))

    def forget(self, key: str) -> None:
        """Reset the failures of a key."""
        self._failures.pop(key, None)

    async def get(self) -> str:
        """Wait for a key and take it; call `done` when it is processed."""
        while not self._due:
            self._is_due.clear()
            await self._is_due.wait()
        key = next(iter(self._due))
        self._metrics.took(key, self._due.pop(key))
        self._working.add(key)
        return key

    def done(self, key: str) -> None:
        """Mark a key as processed."""
        self._working.discard(key)
        self._metrics.finished(key)
        if key in self._again:
            self._again.discard(key)
            self._put(key)

    def close(self) -> None:
        """Cancel all delayed keys."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._metrics.closed()

    def _put(self, key: str) -> None:
        self._due[key] = moment()
        self._metrics.depth += 1
        self._is_due.set()
