"""Snapshots: the state of the store at a moment, and the way back to it.

The way back is an ordinary commit, or a few of them: what differs is deleted or written again, at
new revisions. To the watch cache, the reflectors and the controllers it looks as if another API
server had made these changes, which all of them can handle. The requests of clients see the same:
revisions go on, and what they know of the old state conflicts.

Controllers pause meanwhile: one that is about to delete what belongs to an object would go on with
it although the object is back. Objects come back with their uids; therefore the garbage collector
of a server for tests does not remember which uids are gone (`uids_recur`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from apiserver.server.assembly import Server
from storage.errors import RevisionConflict
from storage.interface import MAX_KEYS, MAX_VALUE, Change, Delete, FeedStore, Put, Record

#: So many snapshots are kept.
MAX_SNAPSHOTS: Final = 1000
# Leases of the server itself: going back to an old one would only make it write a new one.
_OWN: Final = "masterleases/"
_EVENTS: Final = "events/"
_ATTEMPTS: Final = 10
#: The informers of controllers have a change after a few turns of the event loop.
_TURNS: Final = 100


class UnknownSnapshot(LookupError):
    """There is no such snapshot, or no longer."""


class StoreBusy(Exception):
    """Others keep writing."""


@dataclass(frozen=True, slots=True)
class StoreSnapshot:
    """The records below the root as of a revision, by key; those that were restored are newer."""

    revision: int
    records: dict[str, Record[bytes]]


class Snapshots:
    """The snapshots of one server. ``event_ttl`` is the lifetime of Events, in seconds."""

    def __init__(self, server: Server, store: FeedStore[bytes], root: str, event_ttl: int) -> None:
        self._server = server
        self._store = store
        self._root = f"{root}/"
        self._event_ttl = event_ttl
        self._kept: dict[int, StoreSnapshot] = {}
        self._number = 0

    async def take(self) -> tuple[int, int]:
        """Return the number and the revision of a new snapshot. Raises UnknownSnapshot."""
        if len(self._kept) >= MAX_SNAPSHOTS:
            raise UnknownSnapshot(f"there are {MAX_SNAPSHOTS} snapshots: forget some of them")
        page = await self._store.list(self._root)
        records = {record.key: record for record in page.records}
        self._number += 1
        self._kept[self._number] = StoreSnapshot(page.revision, records)
        return self._number, page.revision

    def forget(self, number: int) -> None:
        """Drop a snapshot."""
        self._kept.pop(number, None)

    async def restore(self, number: int) -> int:
        """Go back to a snapshot; return how many objects have changed.

        Returns when the watch cache, roles, bindings and served kinds are those of the snapshot.
        Raises UnknownSnapshot and StoreBusy.
        """
        if number not in self._kept:
            raise UnknownSnapshot(f"there is no snapshot {number}")
        snapshot = self._kept[number]
        async with self._server.manager.paused():
            for _ in range(_ATTEMPTS):
                with suppress(RevisionConflict):
                    changed = await self._restore(snapshot)
                    await self.settle()
                    return changed
        raise StoreBusy("others keep changing what is to be restored")

    async def settle(self) -> None:
        """Wait until cache, informers, roles, bindings and served kinds are those of the store."""
        cache = self._server.registry.store
        await cache.wait_for_revision(await self._store.revision())
        for reflector in self._server.reflectors:
            await reflector.wait_until_current()
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _restore(self, snapshot: StoreSnapshot) -> int:
        # The list is read from the cache; if that is stale, the commit conflicts.
        cache = self._server.registry.store
        await cache.wait_for_revision(await self._store.revision())
        found = {record.key: record.revision for record in cache.list_cached(self._root).records}
        changes = list(self._differences(found, snapshot.records))
        for some in _commits(changes):
            for record in await self._store.commit(some):
                if record.key in snapshot.records:
                    # This is how it is found next time.
                    snapshot.records[record.key] = record
        return len(changes)

    def _differences(
        self, found: Mapping[str, int], wanted: Mapping[str, Record[bytes]]
    ) -> Iterator[Change[bytes]]:
        own, events = self._root + _OWN, self._root + _EVENTS
        for key, revision in found.items():
            if key not in wanted and not key.startswith(own):
                yield Delete(key, revision)
        for key, record in wanted.items():
            current = found.get(key, 0)
            if current != record.revision and not key.startswith(own):
                ttl = self._event_ttl if key.startswith(events) else 0
                yield Put(key, record.value, current, ttl)


def _commits(changes: Sequence[Change[bytes]]) -> Iterator[Sequence[Change[bytes]]]:
    """Split changes into parts that a commit may have."""
    part: list[Change[bytes]] = []
    size = 0
    for change in changes:
        added = len(change.value) if isinstance(change, Put) else 0
        if part and (len(part) >= MAX_KEYS or size + added > MAX_VALUE):
            yield part
            part, size = [], 0
        part.append(change)
        size += added
    if part:
        yield part
