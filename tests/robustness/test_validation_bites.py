"""Stores that break a guarantee are found out by their history."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from storage.interface import LATEST, NO_REQUIREMENTS, Batch, Page, Record
from storage.memory import MemoryStore
from tests.contract.store import broken, brokenwatches
from tests.robustness.history import History
from tests.robustness.runs import Result, Run, carry_out
from tests.robustness.validation import validate


class LosesWhatItAcknowledged(MemoryStore):
    """Forgets every twentieth change, as one does who does not wait for the disk."""

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        expected: int,
        ttl: int = 0,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Record[bytes]:
        record = await super().put(key, value, expected=expected, ttl=ttl, requires=requires)
        if record.revision % 20 == 0:
            self._log.pop()
            versions = self._versions[key]
            versions.pop()
            if not versions:
                del self._versions[key]
                self._in_order().remove(key)
        return record


class ReadsOldStates(MemoryStore):
    """Answers reads from a copy that lags."""

    async def get(self, key: str, *, revision: int = LATEST) -> Record[bytes] | None:
        return await super().get(key, revision=revision or max(self._revision - 5, 1))


class ListsTornPages(MemoryStore):
    """Answers the pages after the first from the latest state."""

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        page = await super().list(prefix, start=start, limit=limit)
        return replace(page, revision=revision or page.revision)


class WatchesWithHoles(MemoryStore):
    """Leaves every thirtieth event out."""

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        async with aclosing(super().watch(prefix, after=after)) as batches:
            async for batch in batches:
                kept = [event for event in batch.events if event.revision % 30]
                yield replace(batch, events=kept)


# The store, the guarantee that it breaks, and whether the log is true all the same.
BROKEN: list[tuple[type[MemoryStore], str, bool]] = [
    (LosesWhatItAcknowledged, "Acknowledged", True),
    (ReadsOldStates, "Linearizable", True),
    (broken.ListsAreStale, "Linearizable", True),
    (ListsTornPages, "Snapshot", True),
    (broken.ForgetsExpected, "Atomic", True),
    (broken.GivesARevisionTwice, "Acknowledged", True),
    (WatchesWithHoles, "Reliable", False),
    (brokenwatches.LosesDeletes, "Reliable", False),
    (brokenwatches.DoublesEvents, "Unique", False),
    (brokenwatches.ReordersEvents, "Ordered", False),
    (brokenwatches.MarksOvertakeEvents, "Reliable", False),
    (brokenwatches.ResumesLate, "Reliable", False),
]


async def resume(_: random.Random) -> None:
    """Nothing goes wrong but the store."""


async def outcome(store: MemoryStore, true_log: MemoryStore | None = None) -> Result:
    """Run some traffic on a store."""
    run = Run([store], resume, true_log or store, clients=4, watchers=2, calls=400, between=100)
    return await carry_out(run, seconds=0)


class _Truth(MemoryStore):
    """What a broken store has really done: it shares its state, and watches as it should."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self.__dict__.update(store.__dict__)
        self._store = store

    async def revision(self) -> int:
        return self._store._revision

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        self.__dict__.update(self._store.__dict__)
        async with aclosing(super().watch(prefix, after=after)) as batches:
            async for batch in batches:
                yield batch


@pytest.mark.parametrize(
    ("store", "guarantee", "true_log"), BROKEN, ids=lambda each: getattr(each, "__name__", None)
)
async def test_a_broken_store_is_found_out(
    store: type[MemoryStore], guarantee: str, true_log: bool
) -> None:
    opened = store()
    result = await outcome(opened, None if true_log else _Truth(opened))
    violations = validate(result.history, result.log)
    assert any(each.startswith(guarantee) for each in violations), (violations[:5], result.summary)


async def test_a_sound_store_is_not(tmp_path: Path) -> None:
    result = await outcome(MemoryStore())
    assert validate(result.history, result.log) == []
    assert len(result.log.changes) > 50
    result.history.save(tmp_path / "history.json")
    assert validate(History.load(tmp_path / "history.json"), result.log) == []
