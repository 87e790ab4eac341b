"""The garbage collector on a real registry, as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import pytest

from apiserver.client.client import MERGE_PATCH, STRATEGIC_MERGE_PATCH, MetadataEvent
from apiserver.controllers.controller import Controller
from apiserver.controllers.garbagecollector.collector import SETTLING_SECONDS, GarbageCollector
from apiserver.machinery.builtin_resources import EVENTS, NODES
from apiserver.machinery.errors import NotFound, ServiceUnavailable, UnsupportedMediaType
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.registry import loopback
from apiserver.registry.loopback import Loopback, controller_client
from apiserver.registry.registry import Registry
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, create, named, registry_in_memory
from tests.waiting import PATIENCE

KINDS = {CONFIG_MAPS: "ConfigMap", NODES: "Node"}


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with registry_in_memory() as registry:
        for name in ("n", "m"):
            await create(registry, NAMESPACES, named(name))
        yield registry


class Cluster:
    """A client, and what tests ask of it."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.client = controller_client(registry, "tests")

    async def make(self, name: str, *owners: Object, namespace: str = "n", **more: Any) -> Object:
        metadata = named(name, namespace, ownerReferences=list(owners), **more)
        return await create(self.registry, CONFIG_MAPS, metadata)

    async def delete(self, name: str, policy: str = "Background") -> None:
        options = DeleteOptions(propagation_policy=policy)
        await self.client.delete(CONFIG_MAPS, "n", name, options)

    async def get(self, name: str, namespace: str = "n") -> Object | None:
        try:
            return await self.client.get(CONFIG_MAPS, namespace, name)
        except NotFound:
            return None

    async def until_gone(self, *names: str) -> None:
        async with asyncio.timeout(PATIENCE):
            for name in names:
                while await self.get(name) is not None:
                    await asyncio.sleep(0)

    async def until_owned_by(self, name: str, *uids: str) -> Object:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.get(name)
                assert found is not None
                if [each["uid"] for each in references(found)] == list(uids):
                    return found
                await asyncio.sleep(0)


def references(document: Object) -> list[Object]:
    return document["metadata"].get("ownerReferences") or []


def owner(document: Object, resource: GroupVersionResource = CONFIG_MAPS, **changes: Any) -> Object:
    """Return a reference to an object."""
    metadata = document["metadata"]
    return {
        "apiVersion": resource.api_version,
        "kind": KINDS[resource],
        "name": metadata["name"],
        "uid": metadata["uid"],
        **changes,
    }


@asynccontextmanager
async def collecting(client: Loopback) -> AsyncIterator[None]:
    controller = Controller("test", client, GarbageCollector(client), workers=4)
    task = asyncio.create_task(controller.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def cluster(registry: Registry) -> AsyncIterator[Cluster]:
    cluster = Cluster(registry)
    async with collecting(controller_client(registry, "test-controller")):
        yield cluster


async def test_dependents_follow_their_owner(cluster: Cluster) -> None:
    a = await cluster.make("a")
    b = await cluster.make("b", owner(a))
    await cluster.make("c", owner(b))
    await cluster.make("free")
    await cluster.delete("a")
    await cluster.until_gone("b", "c")
    assert await cluster.get("free") is not None


async def test_what_lost_its_owner_before_the_start_is_collected(registry: Registry) -> None:
    cluster = Cluster(registry)
    a = await cluster.make("a")
    await cluster.make("b", owner(a))
    await cluster.make("kept", owner(await cluster.make("living")))
    await cluster.delete("a")
    async with collecting(cluster.client):
        await cluster.until_gone("b")
        assert await cluster.get("kept") is not None


@pytest.mark.parametrize("changes", [{"uid": "other"}, {"name": "other"}, {"kind": "Secret"}])
async def test_an_owner_that_never_was_is_absent(cluster: Cluster, changes: Object) -> None:
    a = await cluster.make("a")
    await cluster.make("b", owner(a, **changes))
    await cluster.until_gone("b")
    assert await cluster.get("a") is not None


async def test_foreground_deletion_waits_for_those_that_block_it(cluster: Cluster) -> None:
    a = await cluster.make("a")
    b = await cluster.make("b", owner(a, blockOwnerDeletion=True), finalizers=["x.y/hold"])
    await cluster.make("c", owner(b, blockOwnerDeletion=True))
    await cluster.make("loose", owner(a))
    await cluster.delete("a", "Foreground")
    await cluster.until_gone("c", "loose")
    waiting = await cluster.get("a")
    assert waiting is not None
    assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]
    await cluster.client.patch(CONFIG_MAPS, "n", "b", {"metadata": {"finalizers": None}})
    await cluster.until_gone("b", "a")


async def test_an_owner_waits_for_a_dependent_that_another_watch_shows_later(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The watch of the owner, about to show it, shows what happens to it in the meantime as well.
    monkeypatch.setattr(loopback, "_PAUSE", SETTLING_SECONDS / 2)
    cluster = Cluster(registry)
    async with collecting(controller_client(registry, "test-controller")):
        missing = owner({"metadata": {"name": "x", "uid": "x"}}, NODES)
        await create(registry, NODES, named("first", ownerReferences=[missing]))
        await until_gone(cluster.client, NODES, "first")
        a = await create(cluster.registry, NODES, named("a"))
        await cluster.make(
            "b", owner(a, NODES, blockOwnerDeletion=True), finalizers=["example.com/x"]
        )
        options = DeleteOptions(propagation_policy="Foreground")
        await cluster.client.delete(NODES, "", "a", options)
        async with asyncio.timeout(PATIENCE):
            while "deletionTimestamp" not in ((await cluster.get("b")) or a)["metadata"]:
                await asyncio.sleep(0)
        held = await cluster.client.get(NODES, "", "a")
        assert held["metadata"]["finalizers"] == ["foregroundDeletion"]


async def until_gone(client: Loopback, resource: GroupVersionResource, name: str) -> None:
    async with asyncio.timeout(PATIENCE):
        with suppress(NotFound):
            while True:
                await client.get(resource, "", name)
                await asyncio.sleep(0)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
async def test_a_circle_is_deleted_in_the_foreground(cluster: Cluster, length: int) -> None:
    names = [f"c{index}" for index in range(length)]
    made = [await cluster.make(name, finalizers=["x.y/hold"]) for name in names]
    for index, each in enumerate(made):
        before = owner(made[index - 1], blockOwnerDeletion=True)
        metadata = {"ownerReferences": [before], "finalizers": None}
        await cluster.client.patch(
            CONFIG_MAPS, "n", each["metadata"]["name"], {"metadata": metadata}
        )
    await cluster.delete(names[0], "Foreground")
    await cluster.until_gone(*names)


async def test_dependents_of_an_orphaning_owner_stay_without_it(cluster: Cluster) -> None:
    a, other = await cluster.make("a"), await cluster.make("other")
    await cluster.make("b", owner(a), labels={"keep": "me"})
    await cluster.make("c", owner(a), owner(other))
    await cluster.delete("a", "Orphan")
    await cluster.until_gone("a")
    freed = await cluster.until_owned_by("b")
    assert freed["metadata"]["labels"] == {"keep": "me"}
    await cluster.until_owned_by("c", other["metadata"]["uid"])


async def test_an_object_stays_as_long_as_it_has_one_owner(cluster: Cluster) -> None:
    one, two = await cluster.make("one"), await cluster.make("two")
    await cluster.make("b", owner(one), owner(two, blockOwnerDeletion=True))
    await cluster.delete("one")
    await cluster.until_owned_by("b", two["metadata"]["uid"])
    three = await cluster.make("three")
    patch = {"ownerReferences": [owner(two, blockOwnerDeletion=True), owner(three)]}
    await cluster.client.patch(CONFIG_MAPS, "n", "b", {"metadata": patch})
    await cluster.delete("two", "Foreground")
    await cluster.until_gone("two")
    await cluster.until_owned_by("b", three["metadata"]["uid"])


async def test_an_owner_in_another_namespace_is_absent_and_told_of(cluster: Cluster) -> None:
    a = await cluster.make("a", namespace="m")
    uid = a["metadata"]["uid"]
    await cluster.make("b", owner(a))
    await cluster.until_gone("b")
    async with asyncio.timeout(PATIENCE):
        while not (events := (await cluster.client.list(EVENTS, "n")).items):
            await asyncio.sleep(0)
    (event,) = events
    assert (event["type"], event["reason"]) == ("Warning", "OwnerRefInvalidNamespace")
    assert event["involvedObject"]["name"] == "b"
    shown = f"[v1/ConfigMap, namespace: n, name: a, uid: {uid}]"
    assert event["message"] == f'ownerRef {shown} does not exist in namespace "n"'
    assert await cluster.get("a", "m") is not None


async def test_what_cannot_be_told_is_left_alone(cluster: Cluster) -> None:
    a = await cluster.make("a")
    await cluster.make("unknown", owner(a, apiVersion="example.com/v1", kind="Robot"))
    await cluster.make("unreadable", owner(a, apiVersion="v1", kind="Binding"))
    await create(cluster.registry, NODES, named("outside", ownerReferences=[owner(a)]))
    node = await create(cluster.registry, NODES, named("node"))
    await cluster.make("inside", owner(node, NODES))
    await cluster.make("garbage", owner(a, uid="other"))
    await cluster.delete("a")
    await cluster.until_gone("garbage")
    assert await cluster.get("unknown") is not None
    assert await cluster.get("unreadable") is not None
    assert await cluster.client.get(NODES, "", "outside")
    assert await cluster.get("inside") is not None
    await cluster.client.delete(NODES, "", "node", DeleteOptions())
    await cluster.until_gone("inside")
    assert await cluster.client.get(NODES, "", "outside")


class WithoutStrategicPatch(Loopback):
    """A client of kinds that have no strategic merge patch, as custom resources."""

    async def patch(
        self,
        resource: GroupVersionResource,
        namespace: str,
        name: str,
        patch: Object,
        media_type: str = MERGE_PATCH,
    ) -> Object:
        if media_type == STRATEGIC_MERGE_PATCH:
            raise UnsupportedMediaType("merge patches only")
        return await super().patch(resource, namespace, name, patch, media_type)


async def test_references_are_removed_by_a_merge_patch_where_there_is_no_other(
    registry: Registry,
) -> None:
    cluster = Cluster(registry)
    client = controller_client(registry, "test-controller")
    client.__class__ = WithoutStrategicPatch
    async with collecting(client):
        a = await cluster.make("a")
        await cluster.make("b", owner(a))
        await cluster.delete("a", "Orphan")
        await cluster.until_gone("a")
        await cluster.until_owned_by("b")


class Stumbling(Loopback):
    """An API whose first watch of ConfigMaps fails."""

    failed = False

    async def watch_metadata(
        self, resource: GroupVersionResource
    ) -> AsyncGenerator[Sequence[MetadataEvent], None]:
        if resource == CONFIG_MAPS and not self.failed:
            self.failed = True
            raise ServiceUnavailable("not now")
        async with aclosing(super().watch_metadata(resource)) as batches:
            async for batch in batches:
                yield batch


async def test_a_watch_that_fails_is_counted_and_begun_again(registry: Registry) -> None:
    cluster = Cluster(registry)
    client = Stumbling(registry, cluster.client._user, "tests")
    collector = GarbageCollector(client)
    controller = Controller("test", client, collector)
    task = asyncio.create_task(controller.run())
    try:
        await cluster.make("a", {**owner(await cluster.make("o")), "uid": "gone"})
        await cluster.until_gone("a")
    finally:
        task.cancel()
        await asyncio.wait([task])
    (family,) = controller.families()
    assert family.name == "garbagecollector_controller_resources_sync_error"
    assert family.values == {(): 1.0}
