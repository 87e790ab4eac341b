"""Writer: one thread that writes; what waits together is committed together.

A commit waits for the disk, so the changes that come meanwhile share the next one: many requests, one
fsync, each its own revision. A change is checked before it writes anything, so a refused one leaves
nothing in the transaction that it shares. Where the transaction itself fails, nothing in it happened.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final

from storage.errors import StorageError, Unavailable
from storage.interface import Event

_MOST_AT_ONCE: Final = 512

#: Changes something and returns its result and what happened.
Work = Callable[[sqlite3.Connection], tuple[Any, Sequence[Event[bytes]]]]


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work
    done: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job
    result: Any = None
    events: Sequence[Event[bytes]] = ()
    error: StorageError | None = None


class Writer:
    """Runs work in transactions; ``published`` is given what happened, in the event loop, in order."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        published: Callable[[Sequence[Event[bytes]]], None],
    ) -> None:
        self._connection = connection
        self._published = published
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def do(self, work: Work) -> Any:
        """Run ``work`` and return its result once it is on disk."""
        done: asyncio.Future[Any] = self._loop.create_future()
        self._jobs.put(_Job(work, done))
        # A change that has been handed over happens, whether or not somebody still waits for it.
        return await asyncio.shield(done)

    async def close(self) -> None:
        """Finish what was begun."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while True:
            jobs, last = self._due()
            if jobs:
                outcomes = self._transact(jobs)
                self._loop.call_soon_threadsafe(self._deliver, outcomes)
            if last:
                return

    def _due(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _MOST_AT_ONCE:
                return jobs, False
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return jobs, False
        return jobs, True

    def _transact(self, jobs: Sequence[_Job]) -> list[_Outcome]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(job) for job in jobs]
            connection.execute("COMMIT")
        except (sqlite3.Error, MemoryError) as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return [_Outcome(job, error=Unavailable(f"SQLite: {error}")) for job in jobs]
        return outcomes

    def _attempt(self, job: _Job) -> _Outcome:
        try:
            result, events = job.work(self._connection)
        except StorageError as error:
            return _Outcome(job, error=error)
        return _Outcome(job, result, events)

    def _deliver(self, outcomes: Sequence[_Outcome]) -> None:
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
