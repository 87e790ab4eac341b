"""SQLiteStore: the contract over one file."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from storage.errors import Corrupt, Unavailable, ValueTooLarge
from storage.expiry import Expiry
from storage.hub import Hub
from storage.interface import (
    LATEST,
    MAX_VALUE,
    NO_REQUIREMENTS,
    Batch,
    Event,
    Page,
    Record,
)
from storage.sqlite import log
from storage.sqlite.database import Lock, connect, prepare
from storage.sqlite.writer import Writer

T = TypeVar("T")

_BACKLOG: Final = 10_000
_HISTORY_CHUNK: Final = 1000
_EXPIRED_AT_ONCE: Final = 500
_VACUUM_PAGES: Final = 2000


class SQLiteStore:
    """`storage.interface.Store` of bytes. ``clock`` tells the seconds since 1970."""

    def __init__(self, path: Path, lock: Lock, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = lock
        self._write_connection = connect(path)
        self._read_connection = connect(path)
        self._revision = log.revision(self._write_connection)
        self._hub: Hub[bytes] = Hub(_BACKLOG)
        self._writer = Writer(self._write_connection, self._published)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="sqlite-reader")
        self._expiry = Expiry(self.expire)

    @classmethod
    async def open(cls, path: str | Path, clock: Callable[[], float] = time.time) -> SQLiteStore:
        """Open the file, made if it is not there. Raises Unavailable or Corrupt."""
        path = Path(path)
        lock = _locked(path)
        try:
            prepare(path)
            store = cls(path, lock, clock)
        except BaseException:
            lock.release()
            raise
        store._expiry.within(0)
        return store

    async def get(self, key: str, *, revision: int = LATEST) -> Record[bytes] | None:
        return await self._read(lambda connection: log.get(connection, key, revision))

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        return await self._read(
            lambda connection: log.page(connection, prefix, start, limit, revision)
        )

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: int,
        ttl: int = 0,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Record[bytes]:
        if len(value) > MAX_VALUE:
            raise ValueTooLarge(key, len(value), MAX_VALUE)
        expires = self._clock() + ttl if ttl else None

        def work(connection: sqlite3.Connection) -> tuple[Record[bytes], list[Event[bytes]]]:
            event = log.put(connection, (key, value, expires), expected, requires)
            assert event.record is not None
            return event.record, [event]

        record: Record[bytes] = await self._writer.do(work)
        if ttl:
            self._expiry.within(ttl)
        return record

    async def delete(self, key: str, *, expected: int) -> Record[bytes]:
        def work(connection: sqlite3.Connection) -> tuple[Record[bytes], list[Event[bytes]]]:
            event = log.delete(connection, key, expected)
            assert event.previous is not None
            last = event.previous
            return Record(key, last.value, event.revision, last.created), [event]

        record: Record[bytes] = await self._writer.do(work)
        return record

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        # What was committed before this moment is read, what is published after it is offered.
        joined = self._revision
        watcher = self._hub.join(prefix, max(after, joined))
        try:
            reached = after
            while reached < joined:
                events = await self._history(prefix, reached, joined)
                if events:
                    yield Batch(events[-1].revision, events)
                reached = events[-1].revision if len(events) == _HISTORY_CHUNK else joined
            while True:
                yield await watcher.next()
        finally:
            watcher.close()

    async def revision(self) -> int:
        return self._revision

    async def compact(self, revision: int) -> None:
        await self._writer.do(lambda connection: (log.begin_compaction(connection, revision), ()))
        while await self._writer.do(lambda connection: (log.forget(connection), ())):
            pass
        await self._read(_vacuum)

    async def close(self) -> None:
        await self._expiry.close()
        await self._writer.close()
        self._reader.shutdown()
        self._read_connection.close()
        self._write_connection.close()
        self._lock.release()

    async def expire(self) -> float | None:
        """Delete what is due; return in how many seconds the next key is."""
        now = self._clock()

        def work(connection: sqlite3.Connection) -> tuple[float | None, list[Event[bytes]]]:
            events = log.expire(connection, now, _EXPIRED_AT_ONCE)
            return log.next_expiry(connection), events

        following: float | None = await self._writer.do(work)
        return None if following is None else following - now

    def _published(self, events: Sequence[Event[bytes]]) -> None:
        self._revision = events[-1].revision
        self._hub.publish(Batch(self._revision, events))

    async def _history(self, prefix: str, after: int, until: int) -> Sequence[Event[bytes]]:
        return await self._read(
            lambda connection: log.history(connection, prefix, after, until, _HISTORY_CHUNK)
        )

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, self._snapshot, query)

    def _snapshot(self, query: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._read_connection
        try:
            connection.execute("BEGIN")
            try:
                return query(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"SQLite: {error}") from error
        except sqlite3.DatabaseError as error:
            raise Corrupt("SQLite", str(error)) from error


def _vacuum(connection: sqlite3.Connection) -> None:
    connection.execute("COMMIT")
    connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()


def _locked(path: Path) -> Lock:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Lock(path)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from error
