"""The garbage collector and the namespace controller under failures: the guarantee *Collected*."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

import pytest

from storage.errors import Compacted, Unavailable
from storage.etcd.store import EtcdStore
from storage.sqlite.store import SQLiteStore
from tests.robustness.runs import SEED, raise_failed
from tests.robustness.servers.ownership import (
    Client,
    Entry,
    Ownership,
    collected_too_early,
    entries_of,
    read_log,
)
from tests.robustness.servers.runs import SECONDS, make_namespace
from tests.robustness.servers.topology import servers_on_etcd
from tests.server_process import running_server
from tests.waiting import PATIENCE

log = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(10 * SECONDS + 400)

Failure = Callable[[], Awaitable[None]]
#: "Thousands of owners", unless a run is asked to be shorter.
FAMILIES: Final = int(os.environ.get("ROBUSTNESS_FAMILIES", "2000"))
_CLIENTS = 6
#: How many families are made between two failures.
_BETWEEN = 10


async def carry_out(urls: Sequence[str], failure: Failure, families: int) -> Ownership:
    """Let clients make owners and dependents while failures happen; wait until all is quiet."""
    namespace = await make_namespace(urls[0])
    client, over = Client(urls), asyncio.Event()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "anchor"}}
    anchor = {"kind": "ConfigMap", **await client.create(path, document)}
    traffic = Ownership(namespace, anchor, random.Random(SEED))
    clients = [Client(urls) for _ in range(_CLIENTS)]
    tasks = [asyncio.create_task(traffic.run(each, over)) for each in clients]
    deadline, failures = time.monotonic() + SECONDS, 0
    try:
        while time.monotonic() < deadline or traffic.families < families or failures < 2:
            await _progress(traffic, tasks)
            await failure()
            failures += 1
        over.set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)
        await _quiet(traffic, client)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in (client, *clients):
            each.close()
    log.info("seed %s: %s families, %s failures", SEED, traffic.families, failures)
    return traffic


async def _progress(traffic: Ownership, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait until some more has been done: a busy machine takes longer between failures."""
    enough = traffic.families + _BETWEEN
    while traffic.families < enough:
        raise_failed(tasks)
        await asyncio.sleep(0.02)


async def _quiet(traffic: Ownership, client: Client) -> None:
    deadline = time.monotonic() + PATIENCE
    while wrong := await traffic.differences(client):
        assert time.monotonic() < deadline, wrong[:10]
        await asyncio.sleep(0.2)


async def _follow(store: EtcdStore, entries: list[Entry]) -> None:
    """Note everything that happens, before it is compacted."""
    after = await store.revision()
    while True:
        try:
            async with aclosing(store.watch("/registry/", after=after)) as batches:
                async for batch in batches:
                    entries += entries_of(batch)
                    after = batch.revision
        except Unavailable:
            await asyncio.sleep(0.02)


async def test_a_server_on_sqlite_is_killed(tmp_path: Path) -> None:
    file, chance = tmp_path / "state.db", random.Random(SEED)
    with running_server(tmp_path / "server", f"--storage=sqlite:///{file}") as server:

        async def kill() -> None:
            await asyncio.sleep(chance.uniform(0.3, 1.0))
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)

        traffic = await carry_out([server.url], kill, 40)
        server.stop()
        assert "Traceback" not in server.log, server.log
    store = await SQLiteStore.open(file)
    try:
        entries = await read_log(store, "/registry/")
    finally:
        await store.close()
    assert_collected(entries, traffic)


@pytest.mark.robustness
async def test_leaders_change_and_watches_break(tmp_path: Path) -> None:
    """Servers are killed, or stopped, so that others lead; etcd is frozen, and compacted."""
    chance = random.Random(SEED)
    with servers_on_etcd(tmp_path, 1, 1, 2) as topology:
        store = await EtcdStore.open(topology.endpoints)
        following, entries = None, list[Entry]()
        try:

            async def fail() -> None:
                await asyncio.sleep(chance.uniform(0.5, 2.0))
                victim = chance.choice(topology.servers)
                match chance.randrange(4):
                    case 0:
                        await asyncio.to_thread(victim.kill)
                        await asyncio.to_thread(victim.start)
                    case 1:
                        await asyncio.to_thread(victim.stop)
                        await asyncio.to_thread(victim.start)
                    case 2:
                        (etcd,) = topology.members
                        etcd.pause()
                        try:
                            await asyncio.sleep(chance.uniform(0.5, 3.0))
                        finally:
                            etcd.resume()
                    case _:
                        try:
                            await store.compact(await store.revision())
                        except (Compacted, Unavailable):
                            return

            following = asyncio.create_task(_follow(store, entries))
            traffic = await carry_out(topology.urls, fail, FAMILIES)
            newest = await store.revision()
            async with asyncio.timeout(PATIENCE):
                while not entries or entries[-1].revision < newest:
                    raise_failed([following])
                    await asyncio.sleep(0.05)
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            await store.close()
        for server in topology.servers:
            assert "Traceback" not in server.log, server.log
    assert_collected(entries, traffic)


def assert_collected(entries: Sequence[Entry], traffic: Ownership) -> None:
    inside = [each for each in entries if f"/{traffic.namespace}/" in each.key]
    removed = [each for each in inside if each.after is None]
    assert len(removed) > traffic.families / 4, (len(removed), traffic.families)
    assert list(collected_too_early(inside)) == []


def entry(
    revision: int, name: str, *owners: str, removed: bool = False, foreground: bool = False
) -> Entry:
    metadata: dict[str, object] = {
        "name": name,
        "uid": name,
        "ownerReferences": [{"uid": each} for each in owners],
    }
    if foreground:
        metadata |= {"deletionTimestamp": "t", "finalizers": ["foregroundDeletion"]}
    document = {"metadata": metadata}
    return Entry(revision, name, document if removed else None, None if removed else document)


@pytest.mark.parametrize(
    ("second", "third", "found"),
    [
        (entry(3, "owner", removed=True), entry(4, "child", "owner", removed=True), 0),
        (entry(3, "owner", foreground=True), entry(4, "child", "owner", removed=True), 0),
        (entry(3, "child", "owner", removed=True), entry(4, "owner", removed=True), 1),
        (entry(3, "other"), entry(4, "child", "owner", "other", removed=True), 2),
        (entry(3, "child"), entry(4, "child", removed=True), 0),
    ],
)
def test_what_is_collected_too_early_is_found(second: Entry, third: Entry, found: int) -> None:
    log = [entry(1, "owner"), entry(2, "child", "owner"), second, third]
    violations = list(collected_too_early(log))
    assert len(violations) == found
    assert all(each.startswith("Collected: child") for each in violations)
