"""Writer: changes are made here, and those that wait together are committed together.

A commit waits for the disk, so the changes that come meanwhile share the next one: many requests,
one fsync, each its own revision. Only the commit itself is left to another thread. The statements
before it are short and touch memory, and two threads that each want Python's lock again after every
one of them would mostly wait for each other.

A change is checked before it writes anything, so a refused one leaves nothing in the transaction
that it shares. Where a statement or the disk's space fails, the transaction is taken back and
nothing in it happened. Where the disk fails while it commits, nobody knows what a restart will
find: the changes are of unknown outcome, and no others are taken until the file is opened anew.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from storage.errors import OutcomeUnknown, StorageError, Unavailable
from storage.interface import Event
from storage.sqlite.checkpoint import Checkpoints
from storage.sqlite.database import meaning

_MOST_AT_ONCE: Final = 128
_TAKEN_BACK: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM}
)

#: Changes something and returns its result and what happened.
Work = Callable[[sqlite3.Connection], tuple[Any, Sequence[Event[bytes]]]]


@dataclass(frozen=True, slots=True)
class _Job:
    """Work for the key ``key``; ``long`` work has a transaction of its own, in the thread."""

    work: Work
    key: str
    long: bool
    done: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job
    result: Any = None
    events: Sequence[Event[bytes]] = ()
    error: StorageError | None = None


class Writer:
    """Runs work in transactions; ``published`` is told of it, in the event loop and in order."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        published: Callable[[Sequence[Event[bytes]]], None],
    ) -> None:
        self._path = path
        self._connection = connection
        self._published = published
        self._checkpoints = Checkpoints(path, connection)
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Job] = deque()
        self._busy = False
        self._refusal: StorageError | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sqlite-commit", daemon=True)
        self._thread.start()

    async def do(self, work: Work, key: str, *, long: bool = False) -> Any:
        """Run ``work`` and return its result once it is on disk."""
        if self._refusal is not None:
            raise self._refusal
        done: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append(_Job(work, key, long, done))
        if not self._busy:
            self._busy = True
            self._idle.clear()
            # Not at once: who comes in the same turn of the loop shares the transaction.
            self._loop.call_soon(self._begin)
        # Cancelling this takes nothing back: what has been handed over happens.
        return await done

    async def close(self) -> None:
        """Finish what was begun and refuse everything else."""
        self._refusal = Unavailable("the store is closed")
        await self._idle.wait()
        self._tasks.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._checkpoints.close)

    def _begin(self) -> None:
        jobs = [self._waiting.popleft()]
        if jobs[0].long:
            self._tasks.put(lambda: self._transact_long(jobs[0]))
            return
        while self._waiting and len(jobs) < _MOST_AT_ONCE:
            job = self._waiting[0]
            if job.long:
                break
            jobs.append(self._waiting.popleft())
        try:
            outcomes = self._attempt(jobs)
        except (sqlite3.Error, MemoryError) as error:
            self._finish(self._take_back(jobs, error))
            return
        if any(outcome.events for outcome in outcomes):
            self._tasks.put(lambda: self._commit(outcomes))
        else:
            self._connection.execute("ROLLBACK")
            self._finish(outcomes)

    def _attempt(self, jobs: Sequence[_Job]) -> list[_Outcome]:
        self._connection.execute("BEGIN IMMEDIATE")
        outcomes = []
        for job in jobs:
            try:
                result, events = job.work(self._connection)
            except StorageError as error:
                outcomes.append(_Outcome(job, error=error))
            else:
                outcomes.append(_Outcome(job, result, events))
        return outcomes

    def _take_back(self, jobs: Sequence[_Job], error: Exception) -> list[_Outcome]:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        refusal = meaning(self._path, error)
        return [_Outcome(job, error=refusal) for job in jobs]

    # What follows runs in the thread.

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()

    def _transact_long(self, job: _Job) -> None:
        try:
            outcomes = self._attempt([job])
        except (sqlite3.Error, MemoryError) as error:
            outcomes = self._take_back([job], error)
            self._loop.call_soon_threadsafe(self._finish, outcomes)
        else:
            self._commit(outcomes)

    def _commit(self, outcomes: list[_Outcome]) -> None:
        try:
            self._connection.execute("COMMIT")
        except (sqlite3.Error, MemoryError) as error:
            outcomes = self._failed_commit(outcomes, error)
        else:
            self._checkpoints.after_commit()
        self._loop.call_soon_threadsafe(self._finish, outcomes)

    def _failed_commit(self, outcomes: Sequence[_Outcome], error: Exception) -> list[_Outcome]:
        jobs = [outcome.job for outcome in outcomes]
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_NOMEM) & 0xFF
        taken_back = self._take_back(jobs, error)
        if code in _TAKEN_BACK:
            return taken_back
        self._refusal = Unavailable(f"{self._path} must be opened anew, committing failed: {error}")
        return [_Outcome(job, error=OutcomeUnknown(job.key)) for job in jobs]

    # What follows runs in the event loop.

    def _finish(self, outcomes: Sequence[_Outcome]) -> None:
        events = [event for outcome in outcomes for event in outcome.events]
        if events:
            self._published(events)
        for outcome in outcomes:
            done = outcome.job.done
            if done.cancelled():
                continue
            if outcome.error is not None:
                done.set_exception(outcome.error)
            else:
                done.set_result(outcome.result)
        if self._waiting:
            self._begin()
        else:
            self._busy = False
            self._idle.set()
