"""Periodic compaction: one process at a time, to where the store was a round ago."""

from __future__ import annotations

import asyncio

import pytest

from storage.compaction import COMPACT_REV_KEY, Compactor, compact_periodically
from storage.errors import Compacted, Unavailable
from storage.interface import ABSENT
from storage.memory import MemoryStore


async def write(store: MemoryStore, name: str) -> int:
    """Make a key; return its revision."""
    return (await store.put(name, b"v", expected=ABSENT)).revision


async def readable(store: MemoryStore, revision: int) -> bool:
    """Tell whether the store can be read as of a revision."""
    try:
        await store.get("a", revision=revision)
    except Compacted:
        return False
    return True


async def test_history_is_kept_for_one_round_at_least_and_two_at_most() -> None:
    store = MemoryStore()
    compactor = Compactor(store)
    a = await write(store, "a")
    assert not await compactor.round()
    b = await write(store, "b")
    assert await readable(store, a)
    assert await compactor.round()
    assert not await readable(store, a)
    assert await readable(store, b)
    assert await compactor.round()
    assert not await readable(store, b)


async def test_the_key_tells_where_the_compaction_went() -> None:
    store = MemoryStore()
    compactor = Compactor(store)
    await compactor.round()
    first = await store.get(COMPACT_REV_KEY)
    await compactor.round()
    second = await store.get(COMPACT_REV_KEY)
    assert first is not None
    assert second is not None
    assert second.value == str(first.revision).encode()


async def test_of_several_processes_one_compacts_in_a_round() -> None:
    store = MemoryStore()
    compactors = [Compactor(store) for _ in range(3)]
    rounds = []
    for number in range(5):
        await write(store, str(number))
        rounds.append([await compactor.round() for compactor in compactors])
    assert [sum(each) for each in rounds] == [0, 1, 1, 1, 1]


async def test_who_takes_over_does_not_compact_what_it_has_not_seen_for_a_round() -> None:
    store = MemoryStore()
    first, second = Compactor(store), Compactor(store)
    await first.round()
    await second.round()
    await first.round()
    late = await write(store, "late")
    assert not await second.round()
    assert await readable(store, late)
    after = await write(store, "after")
    assert await second.round()
    assert await readable(store, after)


async def test_rounds_go_on_after_a_failure() -> None:
    """The loop sleeps between rounds, and a store that cannot be reached does not end it."""

    class Faulty(MemoryStore):
        failures = 2

        async def compact(self, revision: int) -> None:
            self.failures -= 1
            if self.failures >= 0:
                raise Unavailable("not now")
            await super().compact(revision)

    store = Faulty()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 6:
            raise asyncio.CancelledError
        await write(store, str(len(slept)))

    with pytest.raises(asyncio.CancelledError):
        await compact_periodically(store, 300.0, sleep)
    assert slept == [300.0] * 7
    assert store.failures < 0
    assert not await readable(store, 2)
