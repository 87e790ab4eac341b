"""WorkQueue: keys that somebody is to look at, each at most once at a time.

A key that is added while it waits is there once. One that is added while it is worked on is due
again when that is done: what changed meanwhile is not missed, and no key is worked on twice at
once. A key may come later: after a time that is named, or, when it failed, after one that doubles
with every failure in a row. Where it is to come at several times, it comes at the earliest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

LEAST_DELAY: Final = 0.005
MOST_DELAY: Final = 60.0


class Timer(Protocol):
    """What has been put off, and can be called off."""

    def cancel(self) -> None:
        """Call it off."""
        ...

    def when(self) -> float:
        """Return when it is due, by the loop's clock."""
        ...


#: Calls something after so many seconds.
Later = Callable[[float, Callable[[], None]], Timer]


class WorkQueue:
    """A queue of keys. ``later`` is the loop's own, unless a test moves the time itself."""

    def __init__(self, later: Later | None = None) -> None:
        self._later: Later = later or asyncio.get_running_loop().call_later
        # A dict for a set that keeps its order.
        self._due: dict[str, None] = {}
        self._working: set[str] = set()
        self._again: set[str] = set()
        self._timers: dict[str, Timer] = {}
        self._failures: dict[str, int] = {}
        self._is_due = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._due)

    def add(self, key: str) -> None:
        """Have a key looked at as soon as somebody can."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._working:
            self._again.add(key)
            return
        self._due[key] = None
        self._is_due.set()

    def add_after(self, key: str, seconds: float) -> None:
        """Have a key looked at after some time, unless it is due earlier anyway."""
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
        """Have a key looked at again after a failure: the later, the more there were in a row."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(LEAST_DELAY * 2.0 ** min(failures, 30), MOST_DELAY))

    def forget(self, key: str) -> None:
        """Let a key begin anew: it has not failed lately."""
        self._failures.pop(key, None)

    async def get(self) -> str:
        """Wait for a key that is due and take it; say `done` in the end."""
        while not self._due:
            self._is_due.clear()
            await self._is_due.wait()
        key = next(iter(self._due))
        del self._due[key]
        self._working.add(key)
        return key

    def done(self, key: str) -> None:
        """Say that a key has been looked at."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def close(self) -> None:
        """Call off what is to come later."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
