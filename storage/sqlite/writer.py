"""Writer: makes all changes, with group commit.

A commit waits for the disk, so all changes that arrive in the meantime share the next transaction:
many requests and one fsync, but each request has its own revision. Only the commit itself runs in
another thread. The statements before it are short and work in memory; in another thread they would
contend with the event loop for the global interpreter lock after every statement.

A change is checked before it writes, so a rejected change leaves nothing in the shared transaction.
If a statement fails or the disk is full, the transaction is rolled back and none of its changes
happened. If the disk fails during the commit, it is unknown what a restart will find: the changes
fail with `OutcomeUnknown`, and the writer accepts no others until the file is opened again. The
same applies if the file was deleted or replaced.

On a full disk a transaction is retried with only those changes that free space (`space`).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from storage.errors import OutcomeUnknown, OutOfSpace, StorageError, Unavailable
from storage.interface import Event
from storage.sqlite.checkpoint import Checkpoints
from storage.sqlite.database import meaning
from storage.sqlite.space import Space
from storage.valueclass import valueclass

_MAX_BATCH: Final = 128
_TAKEN_BACK: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM}
)

log = logging.getLogger(__name__)

#: Makes a change and returns its result and its events.
Work = Callable[[sqlite3.Connection], tuple[Any, Sequence[Event[bytes]]]]


@valueclass
class _Job:
    """Work on the key ``key``. ``long`` work has its own transaction, which runs in the thread.

    ``frees``: the work frees space. ``retried``: it failed before because the disk was full.
    """

    work: Work
    key: str
    long: bool
    frees: bool
    done: asyncio.Future[Any]
    retried: bool = False


@valueclass
class _Outcome:
    job: _Job
    result: Any = None
    events: Sequence[Event[bytes]] = ()
    error: StorageError | None = None

    @property
    def retries(self) -> bool:
        """Whether to retry the work, now that the reserved space is free."""
        return isinstance(self.error, OutOfSpace) and self.job.frees and not self.job.retried


class Writer:
    """Runs work in transactions; calls ``published`` in the event loop, in commit order."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        published: Callable[[Sequence[Event[bytes]]], None],
        check_file: Callable[[], None],
    ) -> None:
        self._path = path
        self._check_file = check_file
        self._space = Space(path)
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

    def check(self) -> None:
        """Raise Unavailable if the writer cannot accept changes."""
        if self._refusal is None:
            try:
                self._check_file()
            except StorageError as error:
                self._refuse(error)
        if self._refusal is not None:
            raise self._refusal
        self._space.check()

    async def do(self, work: Work, key: str, *, long: bool = False, frees: bool = False) -> Any:
        """Run ``work`` and return its result once it is on disk.

        ``frees``: the work frees space, now or later, so it may use the reserve of a full disk.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._space.full and not frees:
            self._space.check()
        done: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append(_Job(work, key, long, frees, done))
        if not self._busy:
            self._busy = True
            self._idle.clear()
            # Deferred, so that work of the same event loop iteration shares the transaction.
            self._loop.call_soon(self._begin)
        # Cancelling this does not cancel the work.
        return await done

    async def close(self) -> None:
        """Finish pending work and reject any other."""
        self._refusal = Unavailable("the store is closed")
        await self._idle.wait()
        self._tasks.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._checkpoints.close)
        self._space.close()

    def _begin(self) -> None:
        jobs = [self._waiting.popleft()]
        if jobs[0].long:
            self._tasks.put(lambda: self._transact_long(jobs[0]))
            return
        while self._waiting and len(jobs) < _MAX_BATCH:
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

    # The methods below run in the thread.

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
            self._check_file()
            self._connection.execute("COMMIT")
        except StorageError as error:
            self._connection.execute("ROLLBACK")
            outcomes = [_Outcome(outcome.job, error=error) for outcome in outcomes]
            self._refuse(error)
        except (sqlite3.Error, MemoryError) as error:
            outcomes = self._failed_commit(outcomes, error)
        else:
            outcomes = self._committed(outcomes)
        self._loop.call_soon_threadsafe(self._finish, outcomes)

    def _committed(self, outcomes: list[_Outcome]) -> list[_Outcome]:
        try:
            self._check_file()
        except StorageError as error:
            # It is unknown which of the files has the changes.
            self._refuse(error)
            return [
                _Outcome(outcome.job, error=OutcomeUnknown(outcome.job.key)) for outcome in outcomes
            ]
        self._checkpoints.after_commit(full=self._space.full)
        return outcomes

    def _refuse(self, error: StorageError) -> None:
        if self._refusal is None:
            log.error("%s", error)
            self._refusal = error

    def _failed_commit(self, outcomes: Sequence[_Outcome], error: Exception) -> list[_Outcome]:
        jobs = [outcome.job for outcome in outcomes]
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_NOMEM) & 0xFF
        taken_back = self._take_back(jobs, error)
        if code in _TAKEN_BACK:
            return taken_back
        self._refuse(Unavailable(f"{self._path} must be opened again, committing failed: {error}"))
        return [_Outcome(job, error=OutcomeUnknown(job.key)) for job in jobs]

    # The methods below run in the event loop.

    def _finish(self, outcomes: Sequence[_Outcome]) -> None:
        events = [event for outcome in outcomes for event in outcome.events]
        if events:
            self._published(events)
        self._note_space(outcomes)
        for outcome in outcomes:
            done = outcome.job.done
            if outcome.retries:
                self._waiting.appendleft(replace(outcome.job, retried=True))
                continue
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

    def _note_space(self, outcomes: Sequence[_Outcome]) -> None:
        full = [each.error for each in outcomes if isinstance(each.error, OutOfSpace)]
        if full:
            self._space.note_full(full[0])
        elif any(outcome.events and not outcome.job.frees for outcome in outcomes):
            self._space.note_written()
