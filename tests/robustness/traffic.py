"""Clients: they create, change under preconditions, delete, read, list page by page and watch.

Every value is written once, so that whoever sees it knows which call it came from.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import cast

from storage.errors import (
    Compacted,
    OutcomeUnknown,
    RevisionConflict,
    SlowWatcher,
    Unavailable,
)
from storage.interface import ABSENT, Batch, Record, Store
from tests.robustness.history import (
    CONFLICT,
    OK,
    REFUSED,
    History,
    Operation,
    Watched,
    shown,
    told,
)

PREFIX = "/registry/robust/"
PAUSE = 0.02

_numbers = itertools.count()


class Client:
    """Does one thing after the other, on a few keys that it shares with the other clients."""

    def __init__(self, name: str, store: Store[bytes], history: History, seed: int) -> None:
        self._name = name
        self._store = store
        self._history = history
        self._random = random.Random(f"{seed}-{name}")
        self._known: dict[str, int] = {}

    async def run(self, over: asyncio.Event, pause: float = 0.0) -> None:
        """Go on until it is over."""
        steps = [self._put, self._delete, self._get, self._list]
        while not over.is_set():
            (step,) = self._random.choices(steps, weights=[10, 3, 3, 1])
            await step(f"{PREFIX}{self._random.randrange(12):02}")
            await asyncio.sleep(pause)

    async def _put(self, key: str) -> None:
        value = f"{self._name}-{next(_numbers)}"
        expected = self._known.get(key, ABSENT)
        operation = self._history.begin(self._name, "put", key, value=value, expected=expected)
        await self._write(
            operation, lambda: self._store.put(key, value.encode(), expected=expected)
        )
        if operation.outcome == OK and operation.state is not None:
            self._known[key] = operation.state.revision

    async def _delete(self, key: str) -> None:
        expected = self._known.get(key, ABSENT)
        if expected == ABSENT:
            return
        operation = self._history.begin(self._name, "delete", key, expected=expected)
        await self._write(operation, lambda: self._store.delete(key, expected=expected))
        if operation.outcome == OK:
            self._known[key] = ABSENT

    async def _write(
        self, operation: Operation, write: Callable[[], Awaitable[Record[bytes]]]
    ) -> None:
        try:
            operation.state = shown(await write())
            operation.outcome = OK
        except RevisionConflict as conflict:
            operation.outcome = CONFLICT
            operation.state = shown(conflict.current)
            current = conflict.current
            self._known[operation.key] = ABSENT if current is None else current.revision
        except Unavailable:
            operation.outcome = REFUSED
        except OutcomeUnknown:
            # What is there now is for the next read or conflict to tell.
            operation.returned = time.monotonic()
            await asyncio.sleep(PAUSE)
            return
        operation.returned = time.monotonic()
        if operation.outcome == REFUSED:
            await asyncio.sleep(PAUSE)

    async def _get(self, key: str) -> None:
        operation = self._history.begin(self._name, "get", key)
        try:
            record = await self._store.get(key)
        except Unavailable:
            operation.outcome = REFUSED
            await asyncio.sleep(PAUSE)
        else:
            operation.outcome = OK
            operation.state = shown(record)
            self._known[key] = ABSENT if record is None else record.revision
        operation.returned = time.monotonic()

    async def _list(self, _: str) -> None:
        operation = self._history.begin(self._name, "list", PREFIX)
        try:
            page = await self._store.list(PREFIX, limit=4)
            # The pages after the first are of its revision, so it is what must be fresh.
            operation.returned = time.monotonic()
            operation.revision = page.revision
            records = list(page.records)
            while page.remaining:
                await asyncio.sleep(0)
                page = await self._store.list(
                    PREFIX, start=records[-1].key + "\0", limit=4, revision=operation.revision
                )
                records += page.records
        except (Unavailable, Compacted):
            operation.outcome = REFUSED
            await asyncio.sleep(PAUSE)
            return
        operation.outcome = OK
        operation.states = [state for state in map(shown, records) if state is not None]


class WatchClient:
    """Watches, and resumes where it was after every break."""

    def __init__(self, name: str, store: Store[bytes], history: History, pause: float = 0) -> None:
        self._name = name
        self._store = store
        self._history = history
        #: How slow it is: how long it waits after each batch.
        self.pause = pause
        self.reached = 0

    async def run(self, after: int) -> None:
        """Watch until cancelled."""
        self.reached = after
        watched = Watched(self._name, PREFIX, after)
        self._history.watches.append(watched)
        while True:
            try:
                await self._read(watched)
            except Compacted:
                # As a client does: begin again from a list. What happened between is not told.
                self.reached = await self._newest()
                watched = Watched(self._name, PREFIX, self.reached)
                self._history.watches.append(watched)
            except (Unavailable, SlowWatcher):
                await asyncio.sleep(PAUSE)

    async def _read(self, watched: Watched) -> None:
        batches = cast(
            "AsyncGenerator[Batch[bytes], None]", self._store.watch(PREFIX, after=self.reached)
        )
        async with aclosing(batches):
            async for batch in batches:
                watched.batches.append((batch.revision, [told(event) for event in batch.events]))
                self.reached = batch.revision
                await asyncio.sleep(self.pause)

    async def _newest(self) -> int:
        while True:
            try:
                return (await self._store.list(PREFIX, limit=1)).revision
            except Unavailable:
                await asyncio.sleep(PAUSE)
