"""One feed fanned out to many watchers; a slow watcher is dropped, not waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from storage.errors import SlowWatcher, StorageError
from storage.interface import Batch, Event

V = TypeVar("V")


class Watcher(Generic[V]):
    """One reader of the events below a prefix, and what waits for it."""

    __slots__ = ("_backlog", "_failure", "_hub", "_limit", "_waiting", "after", "prefix")

    def __init__(self, hub: Hub[V], prefix: str, after: int, limit: int) -> None:
        self._hub = hub
        self._limit = limit
        self._backlog: deque[Event[V]] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._failure: StorageError | None = None
        self.prefix = prefix
        self.after = after

    @property
    def idle(self) -> bool:
        """Whether everything that happened has been read."""
        return not self._backlog and self._failure is None

    def offer(self, events: Sequence[Event[V]]) -> None:
        """Put events up for reading; too many unread ones end the watch."""
        if len(self._backlog) + len(events) > self._limit:
            self.fail(SlowWatcher(f"more than {self._limit} events are unread"))
            return
        self._backlog.extend(events)
        self._wake()

    def fail(self, failure: StorageError) -> None:
        """End the watch: the reader gets what is left, then ``failure``."""
        self._failure = self._failure or failure
        self._wake()

    async def next(self) -> Batch[V]:
        """Wait for events; all that are due come as one batch. Raises what ended the watch."""
        while not self._backlog:
            if self._failure is not None:
                raise self._failure
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        events = list(self._backlog)
        self._backlog.clear()
        return Batch(events[-1].revision, events)

    def close(self) -> None:
        """Stop listening."""
        self._hub.leave(self)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Hub(Generic[V]):
    """All watchers of a feed, found by the prefix that they watch."""

    def __init__(self, backlog: int) -> None:
        self._backlog = backlog
        self._watchers: dict[str, set[Watcher[V]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._watchers.values()))

    def join(self, prefix: str, after: int) -> Watcher[V]:
        """Return a new watcher of what happens below ``prefix`` after revision ``after``."""
        watcher = Watcher(self, prefix, after, self._backlog)
        self._watchers.setdefault(prefix, set()).add(watcher)
        return watcher

    def leave(self, watcher: Watcher[V]) -> None:
        """Forget a watcher; a second time does nothing."""
        watchers = self._watchers.get(watcher.prefix)
        if watchers is not None:
            watchers.discard(watcher)
            if not watchers:
                del self._watchers[watcher.prefix]

    def publish(self, batch: Batch[V]) -> None:
        """Offer a batch to whoever watches a prefix of its keys."""
        due: dict[Watcher[V], list[Event[V]]] = {}
        for event in batch.events:
            for watcher in self._concerned(event.key):
                if event.revision > watcher.after:
                    due.setdefault(watcher, []).append(event)
        for watcher, events in due.items():
            watcher.offer(events)

    def fail(self, failure: StorageError) -> None:
        """End every watch."""
        for watchers in list(self._watchers.values()):
            for watcher in list(watchers):
                watcher.fail(failure)

    def _concerned(self, key: str) -> list[Watcher[V]]:
        # Watched prefixes end with a slash, or are whole keys or nothing: few look-ups find them.
        found: list[Watcher[V]] = []
        end = 0
        while end != -1:
            found.extend(self._watchers.get(key[:end], ()))
            end = key.find("/", end) + 1 or -1
        found.extend(self._watchers.get(key, ()))
        return found
