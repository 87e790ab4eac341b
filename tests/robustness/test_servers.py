"""Traffic on servers that are killed or disconnected: responses stay correct."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from storage.errors import Compacted, StorageError, Unavailable
from storage.etcd.store import EtcdStore
from tests.contract.etcd.proxy import proxied
from tests.etcd_process import EtcdProcess
from tests.robustness.servers.lost_changes import excuse
from tests.robustness.servers.runs import SECONDS, FileJudge, Run, carry_out, etcd_judge
from tests.robustness.servers.topology import (
    Topology,
    find_haproxy,
    servers_on_etcd,
)
from tests.server_process import ServerProcess, running_server
from tests.worker_processes import pids_of_workers

log = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(10 * SECONDS + 240)


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """Three members, two servers, one of them of two workers, and HAProxy before them."""
    with servers_on_etcd(tmp_path_factory.mktemp("topology"), 3, 1, 2) as started:
        yield started
        for server in started.servers:
            assert "Traceback" not in server.log, server.log


async def survive(name: str, run: Run, members: Sequence[EtcdProcess] = ()) -> None:
    """Carry a run out and hold it against the guarantees.

    ``members`` are those of an etcd that was killed in the run. Some versions do not survive that.
    """
    try:
        result = await carry_out(run)
    except (TimeoutError, StorageError) as error:
        await excuse(members, [repr(error)])
        raise
    log.info("%s: %s", name, result.summary)
    violations = result.violations(name)
    if violations:
        await excuse(members, violations)
    assert violations[:10] == [], result.summary
    done = [each for each in result.history.operations if each.wrote]
    assert len(done) > 20, result.summary
    assert result.failures > 0


@pytest.mark.robustness
async def test_haproxy_stands_before_the_servers(topology: Topology) -> None:
    """What follows goes through it, too; where there is none this says so."""
    if find_haproxy() is None:
        pytest.skip("no haproxy on this machine")
    assert len(topology.urls) == len(topology.servers) + 1


@pytest.mark.robustness
async def test_servers_that_are_killed(topology: Topology) -> None:
    async with etcd_judge(topology.endpoints) as judge:

        async def kill(chance: random.Random) -> None:
            victim = chance.choice(topology.servers)
            await asyncio.sleep(chance.uniform(0.3, 0.8))
            await asyncio.to_thread(victim.kill)
            await asyncio.to_thread(victim.start)

        await survive("server-killed", Run(topology.urls, kill, judge))


@pytest.mark.robustness
async def test_workers_that_are_killed(topology: Topology) -> None:
    async with etcd_judge(topology.endpoints) as judge:

        async def kill(chance: random.Random) -> None:
            await asyncio.sleep(chance.uniform(0.5, 1.0))
            workers = pids_of_workers(topology.servers[1])
            if workers:
                os.kill(chance.choice(workers), signal.SIGKILL)

        await survive("worker-killed", Run(topology.urls, kill, judge))


@pytest.mark.robustness
async def test_members_that_are_frozen(topology: Topology) -> None:
    """They keep their connections and answer nothing, then go on as if nothing had been."""
    async with etcd_judge(topology.endpoints) as judge:

        async def freeze(chance: random.Random) -> None:
            victim = chance.choice(topology.members)
            await asyncio.sleep(chance.uniform(0.2, 0.5))
            victim.pause()
            try:
                await asyncio.sleep(chance.uniform(0.5, 2.5))
            finally:
                victim.resume()

        await survive("member-frozen", Run(topology.urls, freeze, judge))


@pytest.mark.robustness
async def test_connections_that_are_cut(topology: Topology) -> None:
    """In the middle of requests, of answers and of watches, or silent for a while before."""
    port = int(topology.urls[0].rpartition(":")[2])
    async with etcd_judge(topology.endpoints) as judge, proxied(port) as proxy:

        async def cut(chance: random.Random) -> None:
            await asyncio.sleep(chance.uniform(0.02, 0.2))
            proxy.loses_answers = chance.random() < 0.4
            proxy.loses_requests = chance.random() < 0.4
            await asyncio.sleep(chance.uniform(0.0, 0.05))
            proxy.heal()
            proxy.cut()

        urls = [f"https://127.0.0.1:{proxy.port}", *topology.urls[1:]]
        await survive("cut", Run(urls, cut, judge))


@pytest.mark.robustness
async def test_compaction_under_paging_and_slow_watchers(topology: Topology) -> None:
    """Servers that start anew remember nothing, and what their clients saw last is compacted."""
    async with etcd_judge(topology.endpoints) as judge:
        store = await EtcdStore.open(topology.endpoints)

        async def compact(chance: random.Random) -> None:
            for _ in range(10):
                await asyncio.sleep(chance.uniform(0.01, 0.1))
                try:
                    # etcd looks up what an event replaced when it sends it: the judge needs that.
                    await store.compact(await store.revision() - chance.randrange(20, 60))
                except (Compacted, Unavailable):
                    continue
            victim = topology.servers[0]
            await asyncio.to_thread(victim.kill)
            await asyncio.to_thread(victim.start)

        try:
            run = Run(topology.urls, compact, judge, watchers=6, watcher_pause=0.02)
            await survive("compaction", run)
        finally:
            await store.close()


@pytest.mark.robustness
async def test_members_that_are_killed(topology: Topology) -> None:
    """The last test of this cluster, since there are versions of etcd that it breaks."""
    async with etcd_judge(topology.endpoints) as judge:

        async def kill(chance: random.Random) -> None:
            victim = chance.choice(topology.members)
            await asyncio.sleep(chance.uniform(0.3, 0.8))
            await asyncio.to_thread(victim.kill)
            await asyncio.sleep(chance.uniform(0.2, 1.0))
            await asyncio.to_thread(victim.start)

        await survive("member-killed", Run(topology.urls, kill, judge), topology.members)


@pytest.mark.robustness
async def test_the_only_etcd_is_killed(tmp_path: Path) -> None:
    with servers_on_etcd(tmp_path, 1, 1) as topology:
        (etcd,) = topology.members
        async with etcd_judge(topology.endpoints) as judge:

            async def kill(chance: random.Random) -> None:
                await asyncio.sleep(chance.uniform(0.3, 0.8))
                await asyncio.to_thread(etcd.kill)
                await asyncio.sleep(chance.uniform(0.0, 0.3))
                await asyncio.to_thread(etcd.start)

            await survive("etcd-killed", Run(topology.urls, kill, judge), topology.members)
        assert "Traceback" not in topology.servers[0].log, topology.servers[0].log


async def test_a_server_on_sqlite_is_killed(tmp_path: Path) -> None:
    """In the middle of commits, again and again."""
    file = tmp_path / "store" / "state.db"
    file.parent.mkdir()
    with running_server(tmp_path / "server", f"--storage=sqlite:///{file}") as server:
        judge = FileJudge(file, server.url, server.stop)
        await survive("sqlite-killed", Run([server.url], _killing(server, judge), judge))
        assert "Traceback" not in server.log, server.log


def _killing(server: ServerProcess, judge: FileJudge):  # type: ignore[no-untyped-def]
    async def kill(chance: random.Random) -> None:
        await asyncio.sleep(chance.uniform(0.2, 0.8))
        await asyncio.to_thread(server.kill)
        await judge.look()
        await asyncio.to_thread(server.start)

    return kill
