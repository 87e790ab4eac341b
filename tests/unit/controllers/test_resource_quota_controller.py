"""The quota controller on a real registry, step by step and as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing

import pytest

from apiserver.client.client import Client, ObjectEvent
from apiserver.controllers import resource_quota_controller
from apiserver.controllers.controller import ChangeAfter, Controller, EventSource, Requeue
from apiserver.controllers.resource_quota_controller import (
    QUOTAS,
    RESYNC_SECONDS,
    SETTLING_SECONDS,
    ResourceQuotaController,
)
from apiserver.machinery.errors import Conflict, Expired
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import Clock
from apiserver.registry.loopback import Loopback, controller_client
from apiserver.registry.registry import Registry
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, PODS, create, named, pod, registry_in_memory
from tests.waiting import PATIENCE


class Watch(Clock):
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def settle(self) -> None:
        self.now += SETTLING_SECONDS


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("n"))
        yield registry


@pytest.fixture
def client(registry: Registry) -> Loopback:
    return controller_client(registry, "test-controller")


@pytest.fixture
def clock() -> Watch:
    return Watch()


@pytest.fixture(autouse=True)
def counts_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recalculation is followed by no longer a pause where the machine is busy."""
    monkeypatch.setattr(resource_quota_controller, "_PAUSE_FACTOR", 0)


@pytest.fixture
def controller(client: Client, clock: Watch) -> ResourceQuotaController:
    return ResourceQuotaController(client, clock)


async def limit(registry: Registry, name: str = "q", **spec: object) -> None:
    await create(registry, QUOTAS, {**named(name, "n"), "spec": spec})


async def shown(client: Client, name: str = "q") -> Object:
    return await client.get(QUOTAS, "n", name)


async def used(client: Client) -> dict[str, str]:
    figures: dict[str, str] = (await shown(client))["status"]["used"]
    return figures


async def charge(client: Client, **figures: str) -> None:
    quota = await shown(client)
    status = {**quota["status"], "used": {**quota["status"]["used"], **figures}}
    await client.update(QUOTAS, {**quota, "status": status}, "status")


async def seconds(controller: ResourceQuotaController) -> float | None:
    wait = await controller.reconcile("n")
    assert wait is not None
    return wait.seconds


async def test_what_is_limited_is_counted(
    client: Client, registry: Registry, controller: ResourceQuotaController
) -> None:
    asking = {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}]}
    await create(registry, PODS, pod("a", "n", **asking))
    await create(registry, PODS, pod("b", "n", **asking, activeDeadlineSeconds=5))
    await create(registry, CONFIG_MAPS, named("c", "n"))
    hard = {
        "cpu": "9",
        "pods": "9",
        "services": "1",
        "count/configmaps": "5",
        "limits.memory": "1Gi",
        "count/odds.example.com": "1",
    }
    await limit(registry, hard=hard)
    await limit(registry, "scoped", hard={"cpu": "9"}, scopes=["Terminating"])
    wait = await controller.reconcile("n")
    assert (await shown(client))["status"] == {
        "hard": hard,
        "used": {
            "cpu": "2",
            "pods": "2",
            "services": "0",
            "count/configmaps": "1",
            "limits.memory": "0",
        },
    }
    assert (await shown(client, "scoped"))["status"]["used"] == {"cpu": "1"}
    assert wait is not None
    assert wait.seconds == RESYNC_SECONDS
    assert {change.resource.resource for change in wait.changes} == {
        "pods",
        "services",
        "configmaps",
    }


async def test_what_is_right_is_not_written(
    client: Client, registry: Registry, controller: ResourceQuotaController
) -> None:
    await limit(registry, hard={"pods": "1"})
    await controller.reconcile("n")
    before = await shown(client)
    assert await seconds(controller) == RESYNC_SECONDS
    assert await shown(client) == before


async def test_where_there_is_no_quota_nothing_is_waited_for(
    client: Client, registry: Registry, controller: ResourceQuotaController
) -> None:
    assert await controller.reconcile("n") is None
    await limit(registry, hard={"pods": "1"})
    assert await controller.reconcile("n") is not None
    await client.delete(QUOTAS, "n", "q", DeleteOptions())
    assert await controller.reconcile("n") is None
    assert not controller._observations


async def test_a_charge_stands_until_it_has_had_its_time(
    client: Client, registry: Registry, controller: ResourceQuotaController, clock: Watch
) -> None:
    await limit(registry, hard={"pods": "9"})
    await controller.reconcile("n")
    clock.settle()
    # Two are on their way; one of them arrives.
    await charge(client, pods="2")
    await create(registry, PODS, pod("a", "n"))
    assert await seconds(controller) == SETTLING_SECONDS
    assert await used(client) == {"pods": "2"}
    clock.settle()
    assert await seconds(controller) == RESYNC_SECONDS
    assert await used(client) == {"pods": "1"}


async def test_a_charge_that_others_follow_is_lowered_too(
    client: Client, registry: Registry, controller: ResourceQuotaController, clock: Watch
) -> None:
    await limit(registry, hard={"pods": "9"})
    await controller.reconcile("n")
    await charge(client, pods="6")
    clock.settle()
    await controller.reconcile("n")
    clock.settle()
    # Of those before nothing has come, and nothing will; of this one it may.
    await charge(client, pods="7")
    assert await seconds(controller) == SETTLING_SECONDS
    assert await used(client) == {"pods": "1"}


async def test_a_figure_that_another_server_has_lowered_is_looked_at_again(
    client: Client, registry: Registry, controller: ResourceQuotaController, clock: Watch
) -> None:
    await limit(registry, hard={"pods": "9"})
    await controller.reconcile("n")
    await charge(client, pods="6")
    clock.settle()
    await controller.reconcile("n")
    await charge(client, pods="3")
    clock.settle()
    assert await seconds(controller) == SETTLING_SECONDS
    assert await used(client) == {"pods": "3"}
    clock.settle()
    assert await seconds(controller) == RESYNC_SECONDS
    assert await used(client) == {"pods": "0"}


class Slow(Loopback):
    """An API where somebody is charged between a list of Pods and what is made of it."""

    async def list(
        self, resource: GroupVersionResource, namespace: str = "", *, field_selector: str = ""
    ) -> object:  # type: ignore[override]
        listed = await super().list(resource, namespace, field_selector=field_selector)
        if resource == PODS:
            await charge(self, pods="5")
        return listed


async def test_a_charge_that_comes_during_the_count_is_not_lost(
    client: Loopback, registry: Registry, controller: ResourceQuotaController, clock: Watch
) -> None:
    await limit(registry, hard={"pods": "9"})
    await controller.reconcile("n")
    await create(registry, PODS, pod("a", "n"))
    slow = ResourceQuotaController(Slow(registry, client._user, "tests"), clock)
    assert await seconds(slow) == SETTLING_SECONDS
    assert await used(client) == {"pods": "5"}


@pytest.fixture
async def run_controllers(client: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Two servers run the controller, and need not wait long."""
    monkeypatch.setattr(resource_quota_controller, "SETTLING_SECONDS", 0.01)
    monkeypatch.setattr(resource_quota_controller, "RECHECK_SECONDS", 0.02)
    tasks = [
        asyncio.create_task(Controller("test", client, ResourceQuotaController(client), 2).run())
        for _ in range(2)
    ]
    yield
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(client: Client, reached: Callable[[Object], bool]) -> None:
    """Requeue until the status of a quota is as wanted."""
    async with asyncio.timeout(PATIENCE), aclosing(client.watch(QUOTAS, "n")) as events:
        async for batch in events:
            if any(reached(event.object.get("status") or {}) for event in batch):
                return


async def watched(registry: Registry, watches: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while registry.store.watchers != watches:
            await asyncio.sleep(0)


@pytest.mark.usefixtures("run_controllers")
async def test_what_frees_is_noticed(client: Client, registry: Registry) -> None:
    for name in ("a", "b", "c"):
        await create(registry, PODS, pod(name, "n"))
    await limit(registry, hard={"pods": "9"})
    await until(client, lambda status: status.get("used") == {"pods": "3"})
    await client.delete(PODS, "n", "a", DeleteOptions(grace_period_seconds=0))
    await until(client, lambda status: status.get("used") == {"pods": "2"})
    ended = {**await client.get(PODS, "n", "b"), "status": {"phase": "Failed"}}
    await client.update(PODS, ended, "status")
    await until(client, lambda status: status.get("used") == {"pods": "1"})


@pytest.mark.usefixtures("run_controllers")
async def test_a_quota_that_changes_is_counted_anew(client: Client, registry: Registry) -> None:
    await limit(registry, hard={"pods": "9"})
    await until(client, lambda status: status.get("used") == {"pods": "0"})
    hard = {"configmaps": "3"}
    await client.update(QUOTAS, {**await shown(client), "spec": {"hard": hard}})
    await until(client, lambda status: status == {"hard": hard, "used": {"configmaps": "0"}})


@pytest.mark.usefixtures("run_controllers")
async def test_what_was_charged_for_nothing_is_given_back(
    client: Client, registry: Registry
) -> None:
    await limit(registry, hard={"pods": "9"})
    await until(client, lambda status: status.get("used") == {"pods": "0"})
    await charge(client, pods="4")
    await until(client, lambda status: status.get("used") == {"pods": "0"})


@pytest.mark.usefixtures("run_controllers")
async def test_objects_are_watched_only_where_a_quota_limits_them(
    client: Client, registry: Registry
) -> None:
    await watched(registry, 2)
    await limit(registry, hard={"pods": "9", "services": "1"})
    await watched(registry, 2 + 2 * 2)
    await client.delete(QUOTAS, "n", "q", DeleteOptions())
    await watched(registry, 2)


class Forgetful(Loopback):
    """An API that does not know what happened since."""

    async def watch(  # type: ignore[override]
        self,
        resource: GroupVersionResource,
        namespace: str = "",
        *,
        field_selector: str = "",
        resource_version: str = "",
    ) -> AsyncIterator[Sequence[ObjectEvent]]:
        if resource_version:
            raise Expired("too old")
        async for batch in super().watch(resource, namespace, field_selector=field_selector):
            yield batch


async def test_where_it_is_not_known_what_happened_something_has(
    client: Loopback, registry: Registry
) -> None:
    """The key is looked at again."""
    looked = asyncio.Event()

    class Twice:
        sources = (EventSource(NAMESPACES, "", lambda queue, event: queue.add("k")),)
        times = 0

        async def reconcile(self, key: str) -> Requeue | None:
            self.times += 1
            if self.times == 2:
                looked.set()
                return None
            return Requeue(1000.0, changes=[ChangeAfter(PODS, "n", "1")])

    forgetful = Forgetful(registry, client._user, "tests")
    task = asyncio.create_task(Controller("test", forgetful, Twice()).run())
    async with asyncio.timeout(PATIENCE):
        await looked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_write_that_comes_too_late_is_for_later(
    client: Loopback, registry: Registry, clock: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await limit(registry, hard={"pods": "9"})

    async def refused(*_: object) -> Object:
        raise Conflict("too late")

    controller = ResourceQuotaController(client, clock)
    with monkeypatch.context() as patched:
        patched.setattr(client, "update", refused)
        assert await seconds(controller) == SETTLING_SECONDS
    assert await seconds(controller) == RESYNC_SECONDS
    assert await used(client) == {"pods": "0"}
