"""Any sequence of calls: a store does what a model of thirty lines does."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage.cache.cache import WatchCache
from storage.errors import Compacted, FutureRevision, RevisionConflict
from storage.interface import ABSENT, LATEST, Delete, Event, Put, Record
from storage.memory import MemoryStore
from storage.sqlite.store import SQLiteStore
from tests.waiting import PATIENCE

T = TypeVar("T")
States = dict[str, Record[bytes]]

KEYS = st.sampled_from(["/a/1", "/a/2", "/a/b/1", "/ab", "/b/1", "a", "/ä"])
PREFIXES = st.sampled_from(["", "/", "/a/", "/a", "/a/b/", "/b/", "/c/"])
VALUES = st.sampled_from([b"", b"one", b"two", b"\0\xff"])
#: How far back from the newest revision, or ahead of it.
DISTANCES = st.integers(-12, 3)


class Model:
    """The states of all revisions, kept for ever."""

    def __init__(self, first: int) -> None:
        self.states: dict[int, States] = {first: {}}
        self.events: list[Event[bytes]] = []
        self.newest = first
        self.compacted = 0

    @property
    def now(self) -> States:
        return self.states[self.newest]

    def change(self, key: str, revision: int, value: bytes | None) -> Record[bytes] | None:
        put = Delete(key, 0) if value is None else Put(key, value, 0)
        return self.commit([put], revision)[0]

    def commit(
        self, changes: Sequence[Put[bytes] | Delete], revision: int
    ) -> list[Record[bytes] | None]:
        assert revision > self.newest
        before, states = self.now, dict(self.now)
        for change in changes:
            key, old = change.key, before.get(change.key)
            if isinstance(change, Delete):
                del states[key]
            else:
                states[key] = Record(key, change.value, revision, old.created if old else revision)
            self.events.append(Event(key, revision, states.get(key), old))
        for between in range(self.newest + 1, revision):
            self.states[between] = before
        self.states[revision], self.newest = states, revision
        return [states.get(change.key) for change in changes]

    def trouble(self, revision: int) -> type[Exception] | None:
        if revision > self.newest:
            return FutureRevision
        return Compacted if revision < self.compacted else None


class Stores(RuleBasedStateMachine):
    """A store and the model side by side."""

    async def open(self, directory: Path, stack: AsyncExitStack) -> Any:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.directory = tempfile.TemporaryDirectory()

    @initialize()
    def begin(self) -> None:
        self.store = self.do(self.open(Path(self.directory.name), self.stack))
        self.model = Model(self.do(self.store.revision()))

    def teardown(self) -> None:
        self.do(self.stack.aclose())
        self.loop.close()
        self.directory.cleanup()

    def do(self, call: Awaitable[T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(call, PATIENCE))

    def refused(self, call: Callable[[], Awaitable[Any]], error: type[Exception]) -> Any:
        try:
            result = self.do(call())
        except error as refusal:
            return refusal
        raise AssertionError(f"{result} where {error.__name__} is due")

    @rule(key=KEYS, value=VALUES, expected=DISTANCES, other=KEYS, requires=st.booleans())
    def put(self, key: str, value: bytes, expected: int, other: str, requires: bool) -> None:
        current, rival = self.model.now.get(key), self.model.now.get(other)
        requires = requires and other != key
        right = current.revision if current else ABSENT
        asked = right if expected < 0 else max(right + expected - 1, ABSENT)
        needed = {other: rival.revision if rival else ABSENT} if requires else {}
        if requires and expected == 3:
            asked, needed = right, {other: needed[other] + 7}

        def call() -> Awaitable[Any]:
            return self.store.put(key, value, expected=asked, requires=needed)  # type: ignore[no-any-return]

        if asked != right:
            assert self.refused(call, RevisionConflict).current == current
        elif requires and expected == 3:
            conflict = self.refused(call, RevisionConflict)
            assert (conflict.key, conflict.current) == (other, rival)
        else:
            written = self.do(call())
            assert written == self.model.change(key, written.revision, value)

    @rule(key=KEYS, wrong=st.booleans())
    def delete(self, key: str, wrong: bool) -> None:
        current = self.model.now.get(key)
        expected = (current.revision if current else ABSENT) + wrong

        def call() -> Awaitable[Any]:
            return self.store.delete(key, expected=expected)  # type: ignore[no-any-return]

        if current is None or wrong:
            assert self.refused(call, RevisionConflict).current == current
        else:
            gone = self.do(call())
            assert (gone.value, gone.created) == (current.value, current.created)
            self.model.change(key, gone.revision, None)

    @rule(keys=st.lists(KEYS, min_size=1, unique=True), value=VALUES, wrong=st.integers(-8, 4))
    def commit(self, keys: list[str], value: bytes, wrong: int) -> None:
        """Delete every second key that is there, and put the others."""
        changes: list[Put[bytes] | Delete] = []
        for number, key in enumerate(keys):
            current = self.model.now.get(key)
            expected = (current.revision if current else ABSENT) + (number == wrong)
            deletes = current is not None and number % 2
            changes.append(Delete(key, expected) if deletes else Put(key, value, expected))

        def call() -> Awaitable[Any]:
            return self.store.commit(changes)  # type: ignore[no-any-return]

        if 0 <= wrong < len(keys):
            conflict = self.refused(call, RevisionConflict)
            assert (conflict.key, conflict.current) == (
                keys[wrong],
                self.model.now.get(keys[wrong]),
            )
            return
        records = self.do(call())
        made = self.model.commit(changes, records[0].revision)
        for change, record, expected_record in zip(changes, records, made, strict=True):
            if isinstance(change, Put):
                assert record == expected_record
            assert (record.key, record.revision) == (change.key, self.model.newest)

    @rule(key=KEYS, distance=DISTANCES)
    def get(self, key: str, distance: int) -> None:
        revision = max(self.model.newest + distance, 1)
        trouble = self.model.trouble(revision)
        if trouble:
            self.refused(lambda: self.store.get(key, revision=revision), trouble)
        else:
            expected = self.model.states.get(revision, {}).get(key)
            assert self.do(self.store.get(key, revision=revision)) == expected

    @rule(prefix=PREFIXES, start=KEYS, limit=st.integers(0, 3), distance=DISTANCES)
    def list(self, prefix: str, start: str, limit: int, distance: int) -> None:
        revision = max(self.model.newest + distance, 1) if distance < 3 else LATEST
        trouble = self.model.trouble(revision) if revision else None

        def call() -> Awaitable[Any]:
            return self.store.list(prefix, start=start, limit=limit, revision=revision)  # type: ignore[no-any-return]

        if trouble:
            self.refused(call, trouble)
            return
        page = self.do(call())
        assert page.revision == (revision or self.model.newest)
        states = self.model.states.get(page.revision, {})
        keys = sorted(key for key in states if key.startswith(prefix) and key >= start)
        shown = keys[:limit] if limit else keys
        assert [*page.records] == [states[key] for key in shown]
        assert page.remaining == len(keys) - len(shown)

    @rule(prefix=PREFIXES, distance=DISTANCES)
    def watch(self, prefix: str, distance: int) -> None:
        after = min(max(self.model.newest + distance, 1), self.model.newest)
        if after < self.model.compacted:
            return
        expected = [
            event
            for event in self.model.events
            if event.revision > after and event.key.startswith(prefix)
        ]
        assert self.do(self.history(prefix, after)) == expected

    async def history(self, prefix: str, after: int) -> Any:
        events: Any = []
        async with aclosing(self.store.watch(prefix, after=after)) as batches:
            reached = (await anext(batches)).revision
            assert reached == after
            while reached < self.model.newest:
                self.store.request_progress()
                batch = await anext(batches)
                assert batch.revision > reached
                assert all(reached < event.revision <= batch.revision for event in batch.events)
                reached = batch.revision
                events += batch.events
        return events

    @rule(distance=st.integers(-8, 1))
    def compact(self, distance: int) -> None:
        revision = self.model.newest + distance
        if revision > self.model.newest:
            self.refused(lambda: self.store.compact(revision), FutureRevision)
        elif 0 < revision <= self.model.compacted:
            self.refused(lambda: self.store.compact(revision), Compacted)
        elif revision > 0:
            self.do(self.store.compact(revision))
            self.model.compacted = revision

    @precondition(lambda self: hasattr(self, "model"))
    @invariant()
    def the_latest_state_is_the_same(self) -> None:
        assert self.do(self.store.revision()) == self.model.newest
        page = self.do(self.store.list(""))
        assert [*page.records] == [self.model.now[key] for key in sorted(self.model.now)]


class Memory(Stores):
    """The store in memory."""

    async def open(self, directory: Path, stack: AsyncExitStack) -> Any:
        store = MemoryStore()
        stack.push_async_callback(store.close)
        return store


class SQLite(Stores):
    """The store in a file."""

    async def open(self, directory: Path, stack: AsyncExitStack) -> Any:
        store = await SQLiteStore.open(directory / "store.db")
        stack.push_async_callback(store.close)
        return store


class Cached(Memory):
    """A cache over a store in memory, which forgets quickly."""

    async def open(self, directory: Path, stack: AsyncExitStack) -> Any:
        store = await super().open(directory, stack)
        return await stack.enter_async_context(WatchCache(store, "", window=3))


for _machine in (Memory, SQLite, Cached):
    _machine.TestCase.settings = settings(stateful_step_count=30)

TestMemory = Memory.TestCase
TestSQLite = SQLite.TestCase
TestCached = Cached.TestCase
