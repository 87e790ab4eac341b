"""Traffic under failures: whatever is killed, frozen or disconnected, the guarantees hold."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from storage.cache.cache import WatchCache
from storage.errors import Compacted, Unavailable
from storage.etcd.store import EtcdStore
from storage.interface import Store
from storage.sqlite.store import SQLiteStore
from tests.contract.etcd.proxy import proxied
from tests.etcd_process import EtcdProcess, etcd_cluster, etcd_process
from tests.robustness.remote import ROOT, RemoteStore, StoreProcess
from tests.robustness.runs import SECONDS, Run, carry_out
from tests.robustness.servers.lost_changes import excuse

log = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(10 * SECONDS + 240)


async def survive(name: str, run: Run, members: Sequence[EtcdProcess] = ()) -> None:
    """Carry a run out and hold it against the guarantees.

    ``members`` are those of an etcd that was killed in the run. Some versions do not survive that.
    """
    result = await carry_out(run)
    log.info("%s: %s", name, result.summary)
    violations = result.violations(name)
    if violations:
        await excuse(members, violations)
    assert violations[:10] == [], result.summary
    done = [each for each in result.history.operations if each.wrote]
    assert len(done) > 20, result.summary
    assert result.failures > 0


@asynccontextmanager
async def server(stack: AsyncExitStack, *endpoints: str) -> AsyncIterator[WatchCache[bytes]]:
    """Yield what one server has of an etcd: a store and a cache over it."""
    store = await EtcdStore.open(endpoints)
    stack.push_async_callback(store.close)
    async with WatchCache(store, ROOT) as cache:
        yield cache


async def servers(stack: AsyncExitStack, count: int, *endpoints: str) -> list[WatchCache[bytes]]:
    """Return some servers on one etcd."""
    return [await stack.enter_async_context(server(stack, *endpoints)) for _ in range(count)]


@pytest.mark.robustness
async def test_a_sqlite_process_that_is_killed(tmp_path: Path) -> None:
    """In the middle of commits, again and again."""
    process = StoreProcess(tmp_path)
    await process.start()
    stores: list[Store[bytes]] = [RemoteStore(process.socket) for _ in range(3)]

    async def kill(chance: random.Random) -> None:
        await asyncio.sleep(chance.uniform(0.05, 0.6))
        await process.kill()
        await process.start()

    try:
        await survive("sqlite-killed", Run(stores, kill, stores[0]))
    finally:
        for store in stores:
            await store.close()
        await process.kill()


@pytest.mark.robustness
async def test_an_etcd_that_is_killed() -> None:
    """The only member, with two servers on it."""
    async with AsyncExitStack() as stack:
        etcd = stack.enter_context(etcd_process())
        caches = await servers(stack, 2, etcd.endpoint)

        async def kill(chance: random.Random) -> None:
            await asyncio.sleep(chance.uniform(0.3, 0.8))
            await asyncio.to_thread(etcd.kill)
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            await asyncio.to_thread(etcd.start)

        await survive("etcd-killed", Run(caches, kill, caches[0]), [etcd])


@pytest.mark.robustness
async def test_members_of_a_cluster_that_are_killed() -> None:
    async with AsyncExitStack() as stack:
        members: list[EtcdProcess] = stack.enter_context(etcd_cluster(3))
        caches = await servers(stack, 2, *(member.endpoint for member in members))

        async def kill(chance: random.Random) -> None:
            victim = chance.choice(members)
            await asyncio.sleep(chance.uniform(0.3, 0.8))
            await asyncio.to_thread(victim.kill)
            await asyncio.sleep(chance.uniform(0.2, 1.0))
            await asyncio.to_thread(victim.start)

        await survive("member-killed", Run(caches, kill, caches[0]), members)


@pytest.mark.robustness
async def test_members_of_a_cluster_that_are_frozen() -> None:
    """They keep their connections and answer nothing, then go on as if nothing had been."""
    async with AsyncExitStack() as stack:
        members: list[EtcdProcess] = stack.enter_context(etcd_cluster(3))
        caches = await servers(stack, 2, *(member.endpoint for member in members))

        async def freeze(chance: random.Random) -> None:
            victim = chance.choice(members)
            await asyncio.sleep(chance.uniform(0.2, 0.5))
            victim.pause()
            try:
                await asyncio.sleep(chance.uniform(0.5, 2.5))
            finally:
                victim.resume()

        await survive("member-frozen", Run(caches, freeze, caches[0]))


async def test_connections_that_are_cut_and_lose_what_is_on_them() -> None:
    async with AsyncExitStack() as stack:
        etcd = stack.enter_context(etcd_process())
        proxy = await stack.enter_async_context(proxied(etcd.port))
        behind = await servers(stack, 2, proxy.endpoint)
        judge = await stack.enter_async_context(server(stack, etcd.endpoint))

        async def cut(chance: random.Random) -> None:
            await asyncio.sleep(chance.uniform(0.02, 0.2))
            proxy.loses_answers = chance.random() < 0.4
            proxy.loses_requests = chance.random() < 0.4
            await asyncio.sleep(chance.uniform(0.0, 0.05))
            proxy.heal()
            proxy.cut()

        await survive("connection-cut", Run([*behind, judge], cut, judge))


@pytest.mark.robustness
@pytest.mark.parametrize("backend", ["etcd", "sqlite"])
async def test_compaction_under_paging_and_slow_watchers(backend: str, tmp_path: Path) -> None:
    """History goes while it is read; who cannot go on is told so, and nobody gets a part of it."""
    async with AsyncExitStack() as stack:
        bare: EtcdStore | SQLiteStore
        # etcd looks up what an event replaced when it sends it, so the judge must not lag so far.
        lag = {"etcd": range(40, 100), "sqlite": range(20)}[backend]
        if backend == "etcd":
            etcd = stack.enter_context(etcd_process())
            bare = await EtcdStore.open([etcd.endpoint])
        else:
            bare = await SQLiteStore.open(tmp_path / "store.db")
        stack.push_async_callback(bare.close)
        cache = await stack.enter_async_context(WatchCache(bare, ROOT, window=1))

        async def compact(chance: random.Random) -> None:
            await asyncio.sleep(chance.uniform(0.01, 0.1))
            try:
                await bare.compact(await bare.revision() - chance.choice(lag))
            except (Compacted, Unavailable):
                return

        run = Run([cache, bare], compact, bare, watchers=6, watcher_pause=0.05, follow=True)
        await survive(f"compaction-{backend}", run)
