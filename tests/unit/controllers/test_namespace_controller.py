"""The namespace controller on a real registry, step by step and as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from apiserver.client.client import DELETED, APIResource, Client, ListedObjects
from apiserver.controllers.controller import Controller, PendingDeletions, Requeue
from apiserver.controllers.namespace import namespace_controller
from apiserver.controllers.namespace.namespace_controller import NamespaceController
from apiserver.machinery.errors import InternalError, NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of, with_metadata
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import Clock
from apiserver.registry.loopback import Loopback, controller_client
from apiserver.registry.registry import Registry
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, PODS, create, named, pod, registry_in_memory
from tests.waiting import PATIENCE

HELD = ["example.com/hold"]


class Later(Clock):
    """A clock that goes after the real one."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def time(self) -> float:
        return super().time() + self.seconds


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("n"))
        yield registry


@pytest.fixture
def client(registry: Registry) -> Client:
    return controller_client(registry, "test-controller")


async def end(client: Client) -> None:
    await client.delete(NAMESPACES, "", "n", DeleteOptions())


async def names(client: Client, resource: GroupVersionResource) -> list[str]:
    return [name_of(each) for each in (await client.list(resource, "n")).items]


async def let_go(client: Client, resource: GroupVersionResource, name: str) -> None:
    await client.update(
        resource, with_metadata(await client.get(resource, "n", name), finalizers=None)
    )


def condition(namespace: Object, name: str) -> dict[str, Any]:
    return next(each for each in namespace["status"]["conditions"] if each["type"] == name)


async def test_an_active_namespace_is_left_alone(client: Client, registry: Registry) -> None:
    await create(registry, CONFIG_MAPS, named("a", "n"))
    assert await NamespaceController(client).reconcile("n") is None
    assert await names(client, CONFIG_MAPS) == ["a"]


async def test_a_namespace_goes_with_what_is_in_it(client: Client, registry: Registry) -> None:
    await create(registry, CONFIG_MAPS, named("a", "n"))
    await create(registry, PODS, pod("p", "n"))
    await end(client)
    assert await NamespaceController(client).reconcile("n") is None
    with pytest.raises(NotFound):
        await client.get(NAMESPACES, "", "n")
    assert await names(client, CONFIG_MAPS) == await names(client, PODS) == []
    assert await NamespaceController(client).reconcile("n") is None


async def test_what_a_finalizer_holds_is_waited_for(client: Client, registry: Registry) -> None:
    for name in ("a", "b"):
        await create(registry, CONFIG_MAPS, named(name, "n", finalizers=HELD))
    await create(registry, CONFIG_MAPS, named("free", "n"))
    await end(client)
    wait = await NamespaceController(client).reconcile("n")
    version = (await client.list(CONFIG_MAPS, "n")).resource_version
    assert wait is not None
    assert (wait.seconds, len(wait.deletions)) == (8, 1)
    assert replace(wait.deletions[0], resource_version="") == PendingDeletions(
        CONFIG_MAPS, "n", "", 2
    )
    assert int(wait.deletions[0].resource_version) <= int(version)
    namespace = await client.get(NAMESPACES, "", "n")
    assert namespace["spec"]["finalizers"] == ["kubernetes"]
    remaining = condition(namespace, "NamespaceFinalizersRemaining")
    assert (remaining["status"], remaining["reason"]) == ("True", "SomeFinalizersRemain")


async def test_pods_go_first(client: Client, registry: Registry) -> None:
    await create(registry, PODS, pod("p", "n", nodeName="node", terminationGracePeriodSeconds=40))
    await create(registry, CONFIG_MAPS, named("a", "n"))
    await end(client)
    wait = await NamespaceController(client).reconcile("n")
    assert wait is not None
    assert (wait.seconds, wait.deletions[0].resource) == (21, PODS)
    assert await names(client, CONFIG_MAPS) == ["a"]
    await client.delete(PODS, "n", "p", DeleteOptions(grace_period_seconds=0))
    assert await NamespaceController(client).reconcile("n") is None
    assert await names(client, CONFIG_MAPS) == []


async def test_pods_that_outlive_their_grace_are_a_failure(
    client: Client, registry: Registry
) -> None:
    await create(registry, PODS, pod("p", "n", nodeName="node", terminationGracePeriodSeconds=40))
    await end(client)
    wait = await NamespaceController(client, Later(60)).reconcile("n")
    assert wait is not None
    assert wait.seconds is None
    failure = condition(await client.get(NAMESPACES, "", "n"), "NamespaceDeletionContentFailure")
    assert failure["message"] == (
        "Failed to delete all resource types, 1 remaining: "
        "unexpected items still remain in namespace: n for gvr: /v1, Resource=pods"
    )


async def test_finalizers_of_others_in_the_spec_stay(client: Client) -> None:
    namespace = await client.get(NAMESPACES, "", "n")
    spec = {"finalizers": ["kubernetes", "example.com/more"]}
    await client.update(NAMESPACES, {**namespace, "spec": spec}, "finalize")
    await end(client)
    for _ in range(2):
        assert await NamespaceController(client).reconcile("n") is None
        namespace = await client.get(NAMESPACES, "", "n")
        assert namespace["spec"]["finalizers"] == ["example.com/more"]
    await client.update(NAMESPACES, {**namespace, "spec": {}}, "finalize")
    with pytest.raises(NotFound):
        await client.get(NAMESPACES, "", "n")


class Hobbled(Loopback):
    """An API that cannot delete many objects at once, and one of them not at all."""

    async def resources(self) -> list[APIResource]:
        return [
            replace(each, verbs=each.verbs - {"deletecollection"})
            for each in await super().resources()
        ]

    async def delete(
        self, resource: GroupVersionResource, namespace: str, name: str, options: DeleteOptions
    ) -> None:
        if name == "cursed":
            raise InternalError("out of order")
        await super().delete(resource, namespace, name, options)


@pytest.fixture
def hobbled(client: Loopback, registry: Registry) -> Client:
    return Hobbled(registry, client._user, "tests")


async def test_objects_are_deleted_one_by_one_where_not_at_once(
    client: Client, hobbled: Client, registry: Registry
) -> None:
    for name in ("a", "b"):
        await create(registry, CONFIG_MAPS, named(name, "n"))
    await end(client)
    assert await NamespaceController(hobbled).reconcile("n") is None
    assert await names(client, CONFIG_MAPS) == []


async def test_a_failure_is_written_down_and_holds_the_namespace(
    client: Client, hobbled: Client, registry: Registry
) -> None:
    await create(registry, CONFIG_MAPS, named("cursed", "n"))
    await end(client)
    assert await NamespaceController(hobbled).reconcile("n") == Requeue(None, [])
    namespace = await client.get(NAMESPACES, "", "n")
    failure = condition(namespace, "NamespaceDeletionContentFailure")
    assert failure["status"] == "True"
    assert failure["message"].endswith("1 remaining: Internal error occurred: out of order")
    assert namespace["spec"]["finalizers"] == ["kubernetes"]


class Suspended(Loopback):
    """The API of a server that stands still before it lists ConfigMaps, while others go on."""

    async def list(
        self, resource: GroupVersionResource, namespace: str = "", *, field_selector: str = ""
    ) -> ListedObjects:
        if resource == CONFIG_MAPS:
            other = Loopback(self._registry, self._user, "tests")
            assert await NamespaceController(other).reconcile("n") is None
            await create(self._registry, NAMESPACES, named("n"))
            await create(self._registry, CONFIG_MAPS, named("new", "n"))
        return await super().list(resource, namespace, field_selector=field_selector)


async def test_a_server_that_was_suspended_leaves_a_new_namespace_alone(
    client: Loopback, registry: Registry
) -> None:
    await create(registry, CONFIG_MAPS, named("old", "n"))
    await end(client)
    suspended = Suspended(registry, client._user, "tests")
    assert await NamespaceController(suspended).reconcile("n") is None
    assert await names(client, CONFIG_MAPS) == ["new"]


@pytest.fixture
async def run_controllers(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[], None]]:
    """Two servers run the controller, as soon as they are told to."""
    monkeypatch.setattr(namespace_controller, "SETTLING_SECONDS", 0.0)
    tasks: list[asyncio.Task[None]] = []

    def start() -> None:
        for _ in range(2):
            controller = Controller("test", client, NamespaceController(client), workers=2)
            tasks.append(asyncio.create_task(controller.run()))

    yield start
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until_gone(client: Client) -> None:
    async with asyncio.timeout(PATIENCE), aclosing(client.watch(NAMESPACES)) as events:
        async for batch in events:
            if any(event.type == DELETED and name_of(event.object) == "n" for event in batch):
                return


async def until(client: Client, resource: GroupVersionResource, name: str) -> None:
    """Requeue until an object is marked."""
    async with asyncio.timeout(PATIENCE), aclosing(client.watch(resource, "n")) as events:
        async for batch in events:
            for event in batch:
                if "deletionTimestamp" in event.object["metadata"]:
                    assert name_of(event.object) == name
                    return


async def test_what_ended_before_the_start_is_found(
    client: Client, registry: Registry, run_controllers: Callable[[], None]
) -> None:
    await create(registry, CONFIG_MAPS, named("a", "n"))
    await end(client)
    gone = asyncio.create_task(until_gone(client))
    run_controllers()
    await gone


async def test_a_namespace_goes_when_the_last_object_is_let_go(
    client: Client, registry: Registry, run_controllers: Callable[[], None]
) -> None:
    run_controllers()
    for name in ("a", "b"):
        await create(registry, CONFIG_MAPS, named(name, "n", finalizers=HELD))
    gone = asyncio.create_task(until_gone(client))
    await end(client)
    await until(client, CONFIG_MAPS, "a")
    await let_go(client, CONFIG_MAPS, "a")
    assert "deletionTimestamp" in (await client.get(NAMESPACES, "", "n"))["metadata"]
    await let_go(client, CONFIG_MAPS, "b")
    await gone
    assert await names(client, CONFIG_MAPS) == []


async def test_a_namespace_of_the_same_name_is_a_new_one(
    client: Client, registry: Registry, run_controllers: Callable[[], None]
) -> None:
    run_controllers()
    before = await client.get(NAMESPACES, "", "n")
    gone = asyncio.create_task(until_gone(client))
    await end(client)
    await gone
    again = await create(registry, NAMESPACES, named("n"))
    assert again["metadata"]["uid"] != before["metadata"]["uid"]
    assert again["status"] == {"phase": "Active"}
    await create(registry, CONFIG_MAPS, named("a", "n"))
    assert await names(client, CONFIG_MAPS) == ["a"]
