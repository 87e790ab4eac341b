"""Quotas are charged with the write that uses them, once, and with no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from apiserver.access.admission.plugins.resource_quota import ResourceQuota
from apiserver.machinery.builtin_resources import QUOTAS
from apiserver.machinery.errors import Forbidden
from storage.interface import Store
from storage.open import open_store
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, PODS, create, named, pod, registry_over
from tests.unit.registry.watched import (
    Cluster,
    Counting,
    another_server,
    config_map,
    refusal,
    watched_cluster,
)

BURST = 200


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with watched_cluster(ResourceQuota()) as cluster:
        yield cluster


async def limit(cluster: Cluster, name: str = "q", **hard: str) -> None:
    """Make a quota that nothing is charged to yet."""
    document = {**named(name, "ns"), "spec": {"hard": hard}}
    made = await create(cluster.registry, QUOTAS, document)
    status = {"hard": hard, "used": dict.fromkeys(hard, "0")}
    await cluster.update(QUOTAS, {**made, "status": status}, "status")
    # Lists are those of memory, which the quota has reached then.
    await cluster.resource(QUOTAS).store.wait_until_fresh()


def used(cluster: Cluster, name: str = "q") -> dict[str, str]:
    amounts: dict[str, str] = cluster.get(QUOTAS, name)["status"]["used"]
    return amounts


async def test_object_and_charge_have_one_revision(cluster: Cluster) -> None:
    await limit(cluster, "a", pods="2")
    await limit(cluster, "b", pods="2")
    made = (await cluster.create(PODS, pod("p", "ns"))).stored
    quota = cluster.get(QUOTAS, "a")
    assert (used(cluster, "a"), used(cluster, "b")) == ({"pods": "1"}, {"pods": "1"})
    assert quota["metadata"]["resourceVersion"] == str(made.revision)
    owners = quota["metadata"]["managedFields"]
    assert "kube-apiserver" in [owner["manager"] for owner in owners]


async def test_what_is_refused_tried_out_or_in_conflict_is_not_charged(cluster: Cluster) -> None:
    await limit(cluster, configmaps="1")
    await cluster.create(CONFIG_MAPS, config_map(), dry_run=True)
    assert (await refusal(cluster.create(CONFIG_MAPS, config_map("Not A Name"))))[0] == 422
    assert used(cluster) == {"configmaps": "0"}
    async with another_server(cluster) as other:
        cluster.store.before.append(lambda: other.create(CONFIG_MAPS, config_map()))
        assert (await refusal(cluster.create(CONFIG_MAPS, config_map())))[0] == 409
    assert used(cluster) == {"configmaps": "0"}
    assert (await cluster.create(CONFIG_MAPS, config_map("d"))).created
    full = (
        403,
        'configmaps "d" is forbidden: exceeded quota: q, requested: configmaps=1, '
        "used: configmaps=1, limited: configmaps=1",
    )
    # As upstream has it, the quota is asked before the store.
    assert await refusal(cluster.create(CONFIG_MAPS, config_map("d"))) == full
    assert await refusal(cluster.create(CONFIG_MAPS, config_map("d"), dry_run=True)) == full
    assert used(cluster) == {"configmaps": "1"}


async def test_a_quota_that_another_server_charges_is_charged_anew_and_nothing_else(
    cluster: Cluster,
) -> None:
    await limit(cluster, configmaps="2")
    cluster.plugin.seen.clear()
    async with another_server(cluster) as other:
        other.registry.admit([ResourceQuota()])
        cluster.store.before.append(lambda: other.create(CONFIG_MAPS, config_map("d")))
        assert (await cluster.create(CONFIG_MAPS, config_map())).created
    assert cluster.plugin.seen == [""]
    assert used(cluster) == {"configmaps": "2"}


async def test_a_quota_that_another_server_has_exhausted_refuses(cluster: Cluster) -> None:
    await limit(cluster, configmaps="1")
    cluster.plugin.seen.clear()
    async with another_server(cluster) as other:
        other.registry.admit([ResourceQuota()])
        cluster.store.before.append(lambda: other.create(CONFIG_MAPS, config_map("d")))
        assert (await refusal(cluster.create(CONFIG_MAPS, config_map())))[0] == 403
    assert cluster.plugin.seen == [""]
    assert not cluster.exists(CONFIG_MAPS, "c")


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store[bytes]]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/db"
    store = await open_store(url)
    yield store
    await store.close()


@pytest.fixture
async def server(store: Store[bytes]) -> AsyncIterator[Cluster]:
    async with registry_over(store) as registry:
        plugin = Counting()
        registry.admit([plugin, ResourceQuota()])
        await create(registry, NAMESPACES, named("ns"))
        yield Cluster(registry, store, plugin)  # type: ignore[arg-type]


async def test_a_pod_is_charged_once_though_its_namespace_changes_meanwhile(
    server: Cluster,
) -> None:
    await limit(server, pods="1")
    labels = asyncio.Event()

    def change_namespace(*_: object) -> None:
        labels.set()

    async def label() -> None:
        await labels.wait()
        await server.patch(NAMESPACES, "ns", b'{"metadata":{"labels":{"a":"b"}}}')

    server.plugin.check = change_namespace
    labelling = asyncio.create_task(label())
    # Somebody holds the quota, so that the Pod is decided before the namespace changes.
    quotas = server.resource(QUOTAS)
    async with quotas.locks.hold([quotas.key("ns", "q")], 10):
        creating = asyncio.create_task(server.create(PODS, pod("p", "ns")))
        await labelling
    assert (await creating).created
    assert used(server) == {"pods": "1"}
    assert server.plugin.seen == ["", ""]


@pytest.mark.parametrize("hard", [BURST, BURST // 4])
async def test_a_burst_gets_all_that_fits_and_each_is_decided_once(
    server: Cluster, hard: int
) -> None:
    await limit(server, configmaps=str(hard))
    writes = [server.create(CONFIG_MAPS, config_map(f"c{number}")) for number in range(BURST)]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    assert {type(answer) for answer in refusals} <= {Forbidden}
    assert len(answers) - len(refusals) == hard
    assert used(server) == {"configmaps": str(hard)}
    assert server.plugin.seen == [""] * BURST


async def test_two_servers_share_a_quota_to_the_last(store: Store[bytes], server: Cluster) -> None:
    await limit(server, configmaps="60")
    async with registry_over(store) as registry:
        registry.admit([ResourceQuota()])
        other = Cluster(registry, store, Counting())  # type: ignore[arg-type]
        writes = [
            each.create(CONFIG_MAPS, config_map(f"{name}{number}"))
            for number in range(40)
            for name, each in (("a", server), ("b", other))
        ]
        answers = await asyncio.gather(*writes, return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    assert {type(answer) for answer in refusals} == {Forbidden}
    assert len(refusals) == 20
    assert used(server) == {"configmaps": "60"}


async def test_a_quota_is_not_full_because_memory_is_stale(cluster: Cluster) -> None:
    await limit(cluster, configmaps="1")
    await cluster.create(CONFIG_MAPS, config_map())
    await cluster.resource(QUOTAS).store.wait_until_fresh()
    cluster.plugin.seen.clear()
    async with another_server(cluster) as other:
        cluster.store.feeding.clear()
        quota = other.get(QUOTAS, "q")
        status = {**quota["status"], "used": {"configmaps": "0"}}
        await other.update(QUOTAS, {**quota, "status": status}, "status")
        creating = asyncio.create_task(cluster.create(CONFIG_MAPS, config_map("d")))
        while not cluster.plugin.seen:
            await asyncio.sleep(0)
        cluster.store.feeding.set()
        assert (await creating).created
    assert cluster.plugin.seen == [""]
    assert used(cluster) == {"configmaps": "1"}


async def test_writes_of_one_server_do_not_conflict_at_a_quota(cluster: Cluster) -> None:
    await limit(cluster, configmaps=str(BURST))
    before = cluster.store.commits
    # Every commit lets the others go on.
    cluster.store.before = [lambda: asyncio.sleep(0)] * BURST
    writes = [cluster.create(CONFIG_MAPS, config_map(f"c{number}")) for number in range(BURST)]
    await asyncio.gather(*writes)
    assert cluster.store.commits - before == BURST
