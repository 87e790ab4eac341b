"""SQLiteStore: the `Store` interface on one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from storage.commits import check_keys, check_size, record_of
from storage.errors import Compacted, FutureRevision
from storage.expiry import Expiry, steady_clock
from storage.hub import Hub
from storage.interface import (
    LATEST,
    NO_REQUIREMENTS,
    Batch,
    Change,
    Delete,
    Event,
    FeedStore,
    Page,
    Put,
    Record,
)
from storage.sqlite import log
from storage.sqlite.database import connect, prepare, translated
from storage.sqlite.file import DatabaseFile
from storage.sqlite.writer import Writer

_BACKLOG: Final = 10_000
#: The number of rows to read before yielding to other tasks.
_SLICE: Final = 500
_EXPIRED_AT_ONCE: Final = 500
_FORGOTTEN_AT_ONCE: Final = 1000
_SHRUNK_AT_ONCE: Final = 500
_COUNTS: Final = 64


Records = list[Record[bytes]]
Events = list[Event[bytes]]


class SQLiteStore(FeedStore[bytes]):
    """A store of bytes. ``clock`` returns the seconds since 1970.

    Reads use their own connection and see committed changes. They run in the event loop, in slices
    that take microseconds each: less than a thread switch.
    """

    def __init__(self, path: Path, file: DatabaseFile, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._file = file
        self._reader = connect(path)
        self._counter = connect(path)
        self._revision = log.revision(self._reader)
        self._compacted = log.compacted(self._reader)
        self._hub: Hub[bytes] = Hub(_BACKLOG)
        self._connection = connect(path)
        file.note_log()
        self._writer = Writer(path, self._connection, self._published, file.check)
        self._expiry = Expiry(self.expire)
        # The number of records that remain after a page, keyed by the start of the next page.
        self._counts: OrderedDict[tuple[str, str, int], int] = OrderedDict()

    @classmethod
    async def open(
        cls,
        path: str | Path,
        clock: Callable[[], float] | None = None,
        *,
        allow_empty: bool = False,
    ) -> SQLiteStore:
        """Open the file; create it if it does not exist. Raises Unavailable or Corrupt.

        An existing file of 0 bytes is rejected unless ``allow_empty`` is set.
        """
        path = Path(path)
        file = DatabaseFile(path, allow_empty=allow_empty)
        try:
            prepare(path)
            with translated(path):
                store = cls(path, file, clock or steady_clock())
        except BaseException:
            file.release()
            raise
        store._expiry.within(0)
        return store

    async def get(self, key: str, *, revision: int = LATEST) -> Record[bytes] | None:
        at = self._readable(revision)
        with translated(self._path):
            return log.get(self._reader, key, at)

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        at = self._readable(revision)
        try:
            records = await self._records(prefix, start, limit, at)
        except Compacted:
            if revision != LATEST:
                raise
            # The revision was compacted during the read: retry with the latest one.
            return await self.list(prefix, start=start, limit=limit)
        if not limit or len(records) < limit:
            return Page(records, at)
        remaining = await self._count(prefix, start, records, at)
        return Page(records, at, remaining)

    async def commit(
        self, changes: Sequence[Change[bytes]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        check_keys(changes, requires)
        check_size(changes)
        now = self._clock()

        def work(connection: sqlite3.Connection) -> tuple[list[Record[bytes]], list[Event[bytes]]]:
            events = log.commit(connection, changes, requires, now)
            return [record_of(event) for event in events], events

        frees = all(isinstance(change, Delete) or change.frees for change in changes)
        records: list[Record[bytes]] = await self._writer.do(work, changes[0].key, frees=frees)
        for change in changes:
            if isinstance(change, Put) and change.ttl:
                self._expiry.within(change.ttl)
        return records

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        if after < self._compacted:
            raise Compacted(after, self._compacted)
        # Changes committed before this point are read from the log; later ones are offered.
        joined = self._revision
        watcher = self._hub.join(prefix, max(after, joined))
        try:
            yield Batch(after)
            reached = after
            while reached < joined:
                events, more = self._history(prefix, reached, joined)
                reached = events[-1].revision if more else joined
                yield Batch(reached, events)
                await asyncio.sleep(0)
            while True:
                yield await watcher.next()
        finally:
            watcher.close()

    def feed(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        return self.watch(prefix, after=after)

    async def revision(self) -> int:
        """Return the revision of the last change. Raises Unavailable if the file is unusable."""
        self._writer.check()
        return self._revision

    async def compact(self, revision: int) -> None:
        def mark_compacted(connection: sqlite3.Connection) -> tuple[None, Sequence[Event[bytes]]]:
            log.mark_compacted(connection, revision)
            return None, ()

        if revision > self._revision:
            raise FutureRevision(revision, self._revision)
        if revision <= self._compacted:
            raise Compacted(revision, self._compacted)
        self._compacted = revision
        await self._writer.do(mark_compacted, "", long=True, frees=True)
        await self._repeat(lambda connection: log.forget(connection, _FORGOTTEN_AT_ONCE))
        await self._repeat(lambda connection: log.shrink(connection, _SHRUNK_AT_ONCE))

    def current_revision(self) -> int | None:
        return self._revision

    def compact_revision(self) -> int:
        return self._compacted

    def request_progress(self) -> bool:
        self._hub.mark(self._revision)
        return True

    async def close(self) -> None:
        await self._expiry.close()
        await self._writer.close()
        for connection in (self._counter, self._reader, self._connection):
            connection.close()
        self._file.release()

    async def expire(self) -> float | None:
        """Delete the keys that are due; return the number of seconds until the next one."""
        now = self._clock()

        def work(connection: sqlite3.Connection) -> tuple[float | None, list[Event[bytes]]]:
            events = log.expire(connection, now, _EXPIRED_AT_ONCE)
            return log.next_expiry(connection), events

        following: float | None = await self._writer.do(work, "", frees=True)
        return None if following is None else following - now

    def _published(self, events: Sequence[Event[bytes]]) -> None:
        self._revision = events[-1].revision
        self._hub.publish(Batch(self._revision, events))

    def _readable(self, revision: int) -> int:
        if revision == LATEST:
            return self._revision
        if revision > self._revision:
            raise FutureRevision(revision, self._revision)
        if revision < self._compacted:
            raise Compacted(revision, self._compacted)
        return revision

    async def _records(self, prefix: str, start: str, limit: int, at: int) -> Records:
        records: Records = []
        while True:
            wanted = min(_SLICE, limit - len(records)) if limit else _SLICE
            with translated(self._path):
                found = log.page(self._reader, prefix, start, wanted, at)
            records.extend(found)
            if len(found) < _SLICE or len(records) == limit:
                return records
            start = found[-1].key + "\0"
            await asyncio.sleep(0)
            if at < self._compacted:
                raise Compacted(at, self._compacted)

    async def _count(
        self, prefix: str, start: str, records: Sequence[Record[bytes]], at: int
    ) -> int:
        last = records[-1].key
        before = self._counts.pop((prefix, start, at), None)
        if before is not None:
            remaining = before - len(records)
        else:
            # The cost grows with the number of keys, so count in a thread.
            remaining = await asyncio.to_thread(self._counted, prefix, last, at)
        self._counts[prefix, last + "\0", at] = remaining
        if len(self._counts) > _COUNTS:
            self._counts.popitem(last=False)
        return remaining

    def _counted(self, prefix: str, last: str, at: int) -> int:
        with translated(self._path):
            return log.count(self._counter, prefix, last, at)

    def _history(self, prefix: str, after: int, until: int) -> tuple[Events, bool]:
        if after < self._compacted:
            raise Compacted(after, self._compacted)
        with translated(self._path):
            return log.history(self._reader, prefix, after, until, _SLICE)

    async def _repeat(self, part: Callable[[sqlite3.Connection], bool]) -> None:
        """Call ``part`` until it returns False; other writes may happen between the calls."""

        def work(connection: sqlite3.Connection) -> tuple[bool, Sequence[Event[bytes]]]:
            return part(connection), ()

        while await self._writer.do(work, "", long=True, frees=True):
            pass
