"""MemoryStore: a store in the memory of this process; the reference implementation of `Store`."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncGenerator, Callable, Mapping, MutableSequence, Sequence
from heapq import heappop, heappush
from operator import attrgetter

from storage.commits import check_keys, check_size, record_of
from storage.errors import Compacted, FutureRevision, RevisionConflict
from storage.expiry import Expiry
from storage.hub import Hub
from storage.interface import (
    ABSENT,
    FIRST_REVISION,
    LATEST,
    NO_REQUIREMENTS,
    Batch,
    Change,
    Event,
    FeedStore,
    Page,
    Put,
    Record,
)
from storage.valueclass import valueclass

_BACKLOG = 10_000
# Sorts after every character of a key; marks the end of the range of a prefix.
_LAST = "\U0010ffff"
#: So many keys are inserted one by one; more are sorted together with all others.
_MAX_INSERTED = 32


@valueclass
class _Version:
    """The state of a key from ``revision`` on: its record, or ``None`` if it was deleted."""

    revision: int
    record: Record[bytes] | None


_revision_of = attrgetter("revision")


class MemoryStore(FeedStore[bytes]):
    """A store of bytes. ``clock`` returns the time in seconds that expiry is based on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._revision = FIRST_REVISION
        self._compacted = 0
        self._versions: dict[str, list[_Version]] = {}
        self._keys: list[str] = []
        #: Keys that are not among them yet.
        self._new_keys: list[str] = []
        self._log: list[Event[bytes]] = []
        self._deadlines: dict[str, float] = {}
        self._due: list[tuple[float, str]] = []
        self._hub: Hub[bytes] = Hub(_BACKLOG)
        self._expiry = Expiry(self.expire)

    async def get(self, key: str, *, revision: int = LATEST) -> Record[bytes] | None:
        return self._at(key, self._readable(revision))

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        revision = self._readable(revision)
        keys = self._in_order()
        first = bisect_left(keys, max(prefix, start))
        end = bisect_left(keys, prefix + _LAST, first)
        found = [self._at(key, revision) for key in keys[first:end]]
        records = [record for record in found if record is not None]
        shown = records[:limit] if limit else records
        return Page(shown, revision, len(records) - len(shown))

    async def commit(
        self, changes: Sequence[Change[bytes]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        check_keys(changes, requires)
        check_size(changes)
        revision = self._revision + 1
        events = [self._event(change, revision) for change in changes]
        for key, expected in requires.items():
            self._check(key, expected)
        self._publish(events)
        for change in changes:
            self._keep_for(change.key, change.ttl if type(change) is Put else 0)
        return list(map(record_of, events))

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        if after < self._compacted:
            raise Compacted(after, self._compacted)
        joined = self._revision
        watcher = self._hub.join(prefix, max(after, joined))
        try:
            missed = self._log[bisect_right(self._log, after, key=_revision_of) :]
            history = [event for event in missed if event.key.startswith(prefix)]
            yield Batch(after)
            if after < joined:
                yield Batch(joined, history)
            while True:
                yield await watcher.next()
        finally:
            watcher.close()

    def feed(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        return self.watch(prefix, after=after)

    async def revision(self) -> int:
        return self._revision

    async def compact(self, revision: int) -> None:
        if revision > self._revision:
            raise FutureRevision(revision, self._revision)
        if revision <= self._compacted:
            raise Compacted(revision, self._compacted)
        self._compacted = revision
        del self._log[: bisect_right(self._log, revision, key=_revision_of)]
        keys = self._in_order()
        for key, versions in list(self._versions.items()):
            # Keep the version that was current at the revision, unless it is a deletion.
            kept = max(bisect_right(versions, revision, key=_revision_of) - 1, 0)
            if versions[kept].record is None and versions[kept].revision <= revision:
                kept += 1
            del versions[:kept]
            if not versions:
                del self._versions[key]
                del keys[bisect_left(keys, key)]

    def current_revision(self) -> int | None:
        return self._revision

    def compact_revision(self) -> int:
        return self._compacted

    def request_progress(self) -> bool:
        self._hub.mark(self._revision)
        return True

    async def close(self) -> None:
        await self._expiry.close()

    async def expire(self) -> float | None:
        """Delete the keys that are due; return the number of seconds until the next one."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            deadline, key = heappop(self._due)
            current = self._at(key, self._revision)
            # If the key was changed since, it has another deadline or none.
            if self._deadlines.get(key) == deadline and current is not None:
                del self._deadlines[key]
                self._publish([Event(key, self._revision + 1, None, current)])
        return self._due[0][0] - now if self._due else None

    def _readable(self, revision: int) -> int:
        if revision == LATEST:
            return self._revision
        if revision > self._revision:
            raise FutureRevision(revision, self._revision)
        if revision < self._compacted:
            raise Compacted(revision, self._compacted)
        return revision

    def _at(self, key: str, revision: int) -> Record[bytes] | None:
        versions = self._versions.get(key, [])
        index = bisect_right(versions, revision, key=_revision_of)
        return versions[index - 1].record if index else None

    def _check(self, key: str, expected: int) -> Record[bytes] | None:
        versions = self._versions.get(key)
        current = versions[-1].record if versions else None
        if (ABSENT if current is None else current.revision) != expected:
            raise RevisionConflict(key, expected, current)
        return current

    def _event(self, change: Change[bytes], revision: int) -> Event[bytes]:
        key = change.key
        current = self._check(key, change.expected)
        if type(change) is Put:
            created = current.created if current is not None else revision
            record = Record(key, change.value, revision, created)
            return Event(key, revision, record, current)
        if current is None:
            raise RevisionConflict(key, change.expected, None)
        return Event(key, revision, None, current)

    def _keep_for(self, key: str, ttl: int) -> None:
        self._deadlines.pop(key, None)
        if ttl:
            self._deadlines[key] = self._clock() + ttl
            heappush(self._due, (self._deadlines[key], key))
            self._expiry.within(ttl)

    def _in_order(self) -> MutableSequence[str]:
        """Return all keys, sorted. An insertion moves those behind it, so new keys come at once."""
        if len(self._new_keys) > _MAX_INSERTED:
            self._keys += self._new_keys
            self._keys.sort()
        else:
            for key in self._new_keys:
                insort(self._keys, key)
        self._new_keys.clear()
        return self._keys

    def _publish(self, events: Sequence[Event[bytes]]) -> None:
        for event in events:
            if event.key not in self._versions:
                self._new_keys.append(event.key)
                self._versions[event.key] = []
            self._versions[event.key].append(_Version(event.revision, event.record))
            self._log.append(event)
        self._revision = events[-1].revision
        self._hub.publish(Batch(self._revision, events))
