"""Several servers on one etcd: reads are consistent, and watches see the writes of all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from storage.cache.cache import WatchCache
from storage.compaction import Compactor
from storage.errors import Compacted, RevisionConflict
from storage.etcd.store import EtcdStore
from storage.interface import ABSENT
from tests.etcd_process import EtcdProcess, etcd_process
from tests.waiting import PATIENCE, eventually

ROOT = "/registry/"

Servers = list[tuple[EtcdStore, WatchCache[bytes]]]


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    """Three servers that start at once on an empty etcd."""
    async with AsyncExitStack() as stack:
        etcd: EtcdProcess = stack.enter_context(etcd_process())

        async def start() -> tuple[EtcdStore, WatchCache[bytes]]:
            store = await EtcdStore.open([etcd.endpoint])
            stack.push_async_callback(store.close)
            return store, await stack.enter_async_context(WatchCache(store, ROOT))

        yield list(await asyncio.gather(*(start() for _ in range(3))))


async def test_linearizable_what_one_acknowledged_the_others_read(servers: Servers) -> None:
    current = ABSENT
    for number in range(60):
        writer, reader = servers[number % 3][1], servers[(number + 1) % 3][1]
        record = await writer.put(f"{ROOT}a", b"%d" % number, expected=current)
        current = record.revision
        assert await reader.get(f"{ROOT}a") == record
        assert list((await reader.list(ROOT)).records) == [record]


async def test_reliable_what_one_writes_the_others_are_told(servers: Servers) -> None:
    start = await servers[0][0].revision()
    watchers = [cache.subscribe(ROOT, cache.cached_revision) for _, cache in servers]
    written = []
    for number in range(30):
        record = await servers[number % 3][1].put(f"{ROOT}{number}", b"v", expected=ABSENT)
        written.append(record.revision)
    for watcher in watchers:
        seen: list[int] = []
        async with asyncio.timeout(PATIENCE):
            while len(seen) < 30:
                seen += [event.revision for event in (await watcher.next()).events]
        assert seen == written
    assert written[0] == start + 1


async def test_atomic_of_all_who_make_a_key_one_does(servers: Servers) -> None:
    async def make(cache: WatchCache[bytes]) -> bool:
        try:
            await cache.put(f"{ROOT}leader", b"v", expected=ABSENT)
        except RevisionConflict:
            return False
        return True

    made = await asyncio.gather(*(make(cache) for _, cache in servers for _ in range(5)))
    assert sum(made) == 1


async def test_one_of_them_compacts_and_all_go_on(servers: Servers) -> None:
    """The key that the compaction writes moves their feeds, so no read waits for it."""
    compactors = [Compactor(store) for store, _ in servers]
    made = await servers[0][1].put(f"{ROOT}a", b"v", expected=ABSENT)
    rounds = []
    for number in range(4):
        record = await servers[0][1].put(f"{ROOT}{number}", b"v", expected=ABSENT)
        rounds.append(sum([await compactor.round() for compactor in compactors]))
        newest = await servers[1][0].revision()
        for _, cache in servers:
            assert await cache.wait_for_revision(newest, timeout=PATIENCE)
            assert await cache.get(record.key) == record
    assert rounds == [0, 1, 1, 1]
    with pytest.raises(Compacted):
        await servers[1][1].get(made.key, revision=made.revision)
    await eventually(lambda: all(each.compact_revision() >= made.revision for each, _ in servers))
