"""Distributes one feed to many watchers. The watch of a slow reader is ended.

Events are grouped once by watched prefix, and all watchers of a prefix share the same sequence of
events, so publishing to a watcher costs one append. Watchers with a condition are found by the
value that it is about. A reader either awaits `Watcher.next` or, to avoid a task per watcher, sets
the callback ``Watcher.wake`` and then calls `Watcher.take`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Generic, TypeVar

from storage.conditions import ConditionalWatchers, WatchCondition
from storage.errors import SlowWatcher, StorageError
from storage.interface import Batch, Event
from storage.prefixes import prefixes_of

V = TypeVar("V")


class Watcher(Generic[V]):
    """One reader of the events below a prefix, with its unread events.

    ``wake`` is called when the first unread item arrives: events, a bookmark, or the end of the
    watch. It must not raise.
    """

    __slots__ = (
        "_due",
        "_failure",
        "_hub",
        "_limit",
        "_marked",
        "_unread",
        "_waiting",
        "after",
        "condition",
        "exact",
        "prefix",
        "wake",
    )

    def __init__(
        self,
        hub: Hub[V],
        prefix: str,
        after: int,
        *,
        exact: bool,
        condition: WatchCondition[V] | None,
    ) -> None:
        self._hub = hub
        self._limit = hub.backlog
        self._due: list[Sequence[Event[V]]] = []
        self._unread = 0
        self._marked = 0
        self._waiting: asyncio.Future[None] | None = None
        self._failure: StorageError | None = None
        self.prefix = prefix
        self.exact = exact
        self.condition = condition
        #: Events up to this revision are not for this reader, or have been read.
        self.after = after
        self.wake: Callable[[], None] | None = None

    @property
    def idle(self) -> bool:
        """Whether there are no unread items."""
        return not self._due and self._failure is None

    def begin(self, missed: Sequence[Event[V]]) -> None:
        """Queue the events from before the watch was opened, regardless of their number."""
        if missed:
            self._due.append(missed)

    def offer(self, events: Sequence[Event[V]]) -> None:
        """Queue events. Too many unread events end the watch.

        The sequence is not copied, so the caller must not change it afterwards.
        """
        if self._failure is not None:
            return
        if events[0].revision <= self.after:
            events = [event for event in events if event.revision > self.after]
            if not events:
                return
        self._unread += len(events)
        if self._unread > self._limit:
            self.fail(SlowWatcher(f"more than {self._limit} events are unread"))
            return
        self._due.append(events)
        if len(self._due) == 1:
            self._call()

    def mark(self, revision: int) -> None:
        """Record that every event up to ``revision`` has been offered."""
        if revision > self.after:
            self._marked = revision
            if not self._due:
                self._call()

    def fail(self, failure: StorageError) -> None:
        """End the watch. The reader gets the remaining events, then ``failure``."""
        if self._failure is None:
            self._failure = failure
            self._call()

    def take(self) -> Batch[V] | None:
        """Return all unread events as one batch, without waiting.

        Raises the error that ended the watch.
        """
        due = self._due
        if due:
            # The sequences are shared with other watchers: copy them.
            events = due[0] if len(due) == 1 else [event for part in due for event in part]
            self._due = []
            self._unread = 0
            self.after = max(events[-1].revision, self._marked)
            return Batch(self.after, events)
        if self._marked > self.after:
            self.after = self._marked
            return Batch(self.after)
        if self._failure is not None:
            raise self._failure
        return None

    def take_parts(self) -> Sequence[Sequence[Event[V]]]:
        """Return all unread events as they were published; other watchers share these sequences.

        If there are none, raises the error that ended the watch.
        """
        due = self._due
        if due:
            self._due = []
            self._unread = 0
            self.after = max(due[-1][-1].revision, self._marked)
        elif self._marked > self.after:
            self.after = self._marked
        elif self._failure is not None:
            raise self._failure
        return due

    async def next(self) -> Batch[V]:
        """Wait for events and return all of them as one batch.

        Raises the error that ended the watch.
        """
        while (batch := self.take()) is None:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return batch

    def close(self) -> None:
        """Close the watch."""
        self._hub.leave(self)

    def _call(self) -> None:
        if self.wake is not None:
            self.wake()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Hub(Generic[V]):
    """The watchers of a feed, indexed by watched prefix."""

    def __init__(self, backlog: int) -> None:
        self.backlog = backlog
        # Dicts serve as ordered sets: watchers are served in the order in which they joined.
        self._watchers: dict[str, dict[Watcher[V], None]] = {}
        self._of_keys: dict[str, dict[Watcher[V], None]] = {}
        self._conditional: dict[str, ConditionalWatchers[V, Watcher[V]]] = {}
        # Prefixes that do not end with a slash; looking up the parents of a key misses them.
        self._odd: set[str] = set()

    def __len__(self) -> int:
        groups = (*self._watchers.values(), *self._of_keys.values())
        return sum(map(len, groups)) + sum(map(len, self._conditional.values()))

    def watchers_of(self, prefix: str) -> int:
        """Return the number of watchers of exactly this prefix."""
        return len(self._watchers.get(prefix, ())) + len(self._conditional.get(prefix, ()))

    def join(
        self,
        prefix: str,
        after: int,
        *,
        exact: bool = False,
        condition: WatchCondition[V] | None = None,
    ) -> Watcher[V]:
        """Return a new watcher of the events below ``prefix`` after revision ``after``.

        With ``exact`` it watches only the key ``prefix``. With a ``condition``, for a ``prefix``
        that ends with a slash, it gets at least the events that meet it.
        """
        watcher = Watcher(self, prefix, after, exact=exact, condition=condition)
        if condition is not None:
            assert prefix.endswith("/"), prefix
            self._conditional.setdefault(prefix, ConditionalWatchers()).add(watcher, condition)
            return watcher
        self._index(exact=exact).setdefault(prefix, {})[watcher] = None
        if not exact and prefix and not prefix.endswith("/"):
            self._odd.add(prefix)
        return watcher

    def leave(self, watcher: Watcher[V]) -> None:
        """Remove a watcher. Removing it again has no effect."""
        if watcher.condition is not None:
            self._leave_conditional(watcher, watcher.condition)
            return
        index = self._index(exact=watcher.exact)
        watchers = index.get(watcher.prefix)
        if watchers is None:
            return
        watchers.pop(watcher, None)
        if not watchers:
            del index[watcher.prefix]
            if not watcher.exact:
                self._odd.discard(watcher.prefix)

    def publish(self, batch: Batch[V]) -> None:
        """Offer the events of a batch to the watchers of their keys."""
        events = batch.events
        if len(events) == 1:
            for group in self._concerned(events[0]):
                _offer(group, events)
            return
        due: dict[int, tuple[dict[Watcher[V], None], list[Event[V]]]] = {}
        for event in events:
            for group in self._concerned(event):
                due.setdefault(id(group), (group, []))[1].append(event)
        for group, found in due.values():
            _offer(group, found)

    def mark(self, revision: int) -> None:
        """Tell every watcher that every event up to ``revision`` has been published."""
        for watcher in self._all():
            watcher.mark(revision)

    def fail(self, failure: StorageError) -> None:
        """End every watch."""
        for watcher in self._all():
            watcher.fail(failure)

    def _all(self) -> list[Watcher[V]]:
        groups = (*self._watchers.values(), *self._of_keys.values())
        found = [watcher for group in groups for watcher in group]
        found += chain.from_iterable(self._conditional.values())
        return found

    def _index(self, *, exact: bool) -> dict[str, dict[Watcher[V], None]]:
        return self._of_keys if exact else self._watchers

    def _leave_conditional(self, watcher: Watcher[V], condition: WatchCondition[V]) -> None:
        watchers = self._conditional.get(watcher.prefix)
        if watchers is not None:
            watchers.discard(watcher, condition)
            if not watchers:
                del self._conditional[watcher.prefix]

    def _concerned(self, event: Event[V]) -> list[dict[Watcher[V], None]]:
        key, watched = event.key, self._watchers
        found = [watched[""]] if "" in watched else []
        found += [watched[prefix] for prefix in prefixes_of(key) if prefix in watched]
        if self._odd:
            found.extend(watched[prefix] for prefix in self._odd if key.startswith(prefix))
        if key in self._of_keys:
            found.append(self._of_keys[key])
        if self._conditional:
            for prefix in prefixes_of(key):
                if prefix in self._conditional:
                    found.extend(self._conditional[prefix].concerned(event))
        return found


def _offer(group: dict[Watcher[V], None], events: Sequence[Event[V]]) -> None:
    # A callback may close its watcher or open another one, so iterate over a copy.
    for watcher in list(group):
        watcher.offer(events)
