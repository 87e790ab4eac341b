"""The API in process: the verbs of a client, over a real registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from apiserver.client.client import ADDED, DELETED, MODIFIED, Client, ObjectEvent
from apiserver.machinery.errors import BadRequest, Conflict, Invalid, NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import name_of
from apiserver.machinery.options import DeleteOptions
from apiserver.registry.loopback import controller_client
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored
from apiserver.registry.yielding import BATCH_SIZE, iterate_yielding
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, create, named, registry_in_memory
from tests.waiting import PATIENCE

NOTHING = GroupVersionResource("example.com", "v1", "geese")


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("n"))
        yield registry


@pytest.fixture
def client(registry: Registry) -> Client:
    return controller_client(registry, "test-controller")


async def test_every_resource_is_served_once_in_the_preferred_version(client: Client) -> None:
    served = {resource.name: resource for resource in await client.resources()}
    assert len({(name.group, name.resource) for name in served}) == len(served)
    assert served[CONFIG_MAPS].namespaced
    assert "deletecollection" in served[CONFIG_MAPS].verbs
    assert not served[NAMESPACES].namespaced
    assert "deletecollection" not in served[NAMESPACES].verbs
    versions = [name.version for name in served if name.resource == "horizontalpodautoscalers"]
    assert versions == ["v2"]


async def test_objects_are_read_one_by_one_and_together(client: Client, registry: Registry) -> None:
    for name in ("b", "a"):
        await create(registry, CONFIG_MAPS, named(name, "n"))
    assert name_of(await client.get(CONFIG_MAPS, "n", "a")) == "a"
    listed = await client.list(CONFIG_MAPS, "n")
    assert [name_of(each) for each in listed.items] == ["a", "b"]
    chosen = await client.list(CONFIG_MAPS, field_selector="metadata.name=b")
    assert [name_of(each) for each in chosen.items] == ["b"]


async def test_what_a_client_has_written_is_known_at_once(client: Client) -> None:
    assert client.get_cached(CONFIG_MAPS, "n", "a") is None
    made = await client.create(CONFIG_MAPS, named("a", "n"))
    assert client.get_cached(CONFIG_MAPS, "n", "a") == made
    changed = await client.update(CONFIG_MAPS, {**made, "data": {"k": "v"}})
    assert client.get_cached(CONFIG_MAPS, "n", "a") == changed != made


async def test_an_update_is_owned_by_the_controllers_and_leaves_what_was_read(
    client: Client, registry: Registry
) -> None:
    read = await create(registry, CONFIG_MAPS, {**named("a", "n"), "data": {"k": "u"}})
    written = await client.update(CONFIG_MAPS, {**read, "data": {"k": "v"}})
    assert written["data"] == {"k": "v"}
    owners = {each["manager"] for each in written["metadata"]["managedFields"]}
    assert owners == {"tests", "kube-controller-manager"}
    assert read["data"] == {"k": "u"}
    with pytest.raises(Conflict):
        await client.update(CONFIG_MAPS, {**read, "data": {"k": "w"}})


async def test_an_update_is_refused_as_a_request_is(client: Client, registry: Registry) -> None:
    read = await create(registry, CONFIG_MAPS, named("a", "n"))
    with pytest.raises(BadRequest):
        await client.update(CONFIG_MAPS, {**read, "data": 7})
    with pytest.raises(Invalid):
        await client.update(CONFIG_MAPS, {**read, "data": {"not a key": "v"}})
    with pytest.raises(NotFound):
        await client.update(CONFIG_MAPS, read, "status")
    with pytest.raises(NotFound):
        await client.get(NOTHING, "", "a")


async def test_deletes_take_one_or_all_of_a_namespace(client: Client, registry: Registry) -> None:
    await create(registry, NAMESPACES, named("other"))
    for name, namespace in (("a", "n"), ("b", "n"), ("c", "n"), ("a", "other")):
        await create(registry, CONFIG_MAPS, named(name, namespace))
    await client.delete(CONFIG_MAPS, "n", "b", DeleteOptions())
    listed = await client.list(CONFIG_MAPS, "n")
    assert [name_of(each) for each in listed.items] == ["a", "c"]
    await client.delete_collection(CONFIG_MAPS, "n", DeleteOptions())
    listed = await client.list(CONFIG_MAPS)
    assert [each["metadata"]["namespace"] for each in listed.items] == ["other"]


async def test_a_watch_shows_what_is_there_and_what_follows(
    client: Client, registry: Registry
) -> None:
    await create(registry, CONFIG_MAPS, named("a", "n"))
    seen: list[tuple[str, str]] = []
    async with asyncio.timeout(PATIENCE), aclosing(client.watch(CONFIG_MAPS, "n")) as events:
        seen += told(await anext(events))
        read = await create(registry, CONFIG_MAPS, named("b", "n"))
        await client.update(CONFIG_MAPS, {**read, "data": {"k": "v"}})
        await client.delete(CONFIG_MAPS, "n", "b", DeleteOptions())
        while len(seen) < 4:
            seen += told(await anext(events))
    assert seen == [(ADDED, "a"), (ADDED, "b"), (MODIFIED, "b"), (DELETED, "b")]


async def test_a_watch_follows_a_list_without_a_gap(client: Client, registry: Registry) -> None:
    await create(registry, CONFIG_MAPS, named("a", "n"))
    version = (await client.list(CONFIG_MAPS, "n")).resource_version
    await client.delete(CONFIG_MAPS, "n", "a", DeleteOptions())
    events = client.watch(CONFIG_MAPS, "n", resource_version=version)
    async with asyncio.timeout(PATIENCE), aclosing(events):
        assert told(await anext(events)) == [(DELETED, "a")]


async def test_a_watch_that_is_closed_listens_no_more(client: Client, registry: Registry) -> None:
    async with asyncio.timeout(PATIENCE), aclosing(client.watch(CONFIG_MAPS, "n")) as events:
        await create(registry, CONFIG_MAPS, named("a", "n"))
        await anext(events)
        assert registry.store.watchers == 1
    assert registry.store.watchers == 0


def told(events: list[ObjectEvent]) -> list[tuple[str, str]]:
    return [(event.type, name_of(event.object)) for event in events]


async def test_a_watch_of_metadata_has_what_concerns_owners(
    client: Client, registry: Registry
) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u"}
    made = await create(registry, CONFIG_MAPS, named("a", "n", labels={"uid": "no"}))
    async with aclosing(client.watch_metadata(CONFIG_MAPS)) as batches:
        (first,), nothing = await anext(batches), await anext(batches)
        identity = {"namespace": "n", "name": "a", "uid": made["metadata"]["uid"]}
        assert (first.type, first.metadata, list(nothing)) == (ADDED, identity, [])
        await client.patch(CONFIG_MAPS, "n", "a", {"metadata": {"ownerReferences": [owner]}})
        (owned,) = await anext(batches)
        assert (owned.type, owned.metadata["ownerReferences"]) == (MODIFIED, [owner])
        await client.patch(CONFIG_MAPS, "n", "a", {"metadata": {"ownerReferences": None}})
        assert [each.metadata for each in await anext(batches)] == [identity]
        await client.delete(CONFIG_MAPS, "n", "a", DeleteOptions())
        (deleted,) = await anext(batches)
        assert (deleted.type, deleted.metadata["uid"]) == (DELETED, identity["uid"])
    assert registry.store.watchers == 0


async def test_a_long_list_is_decoded_as_it_is_read(
    registry: Registry, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(BATCH_SIZE + 5):
        await create(registry, CONFIG_MAPS, named(f"c{number:03}", "n"))
    read: list[str] = []
    decode = Stored.object.fget  # type: ignore[attr-defined]
    counted = property(lambda stored: read.append(stored.key) or decode(stored))
    monkeypatch.setattr(Stored, "object", counted)
    listed = await client.list(CONFIG_MAPS, "n")
    assert len(listed.items) == BATCH_SIZE + 5
    assert not read
    assert listed.items[1]["metadata"]["name"] == "c001"
    assert len(read) == 1
    names = [each["metadata"]["name"] async for each in iterate_yielding(listed.items)]
    assert names == [f"c{number:03}" for number in range(BATCH_SIZE + 5)]
