"""The disruption controller on a real registry: what it counts, and when it counts again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from apiserver.controllers.controller import Controller
from apiserver.controllers.disruption.budget_status import DELETION_TIMEOUT
from apiserver.controllers.disruption.disruption_controller import DisruptionController
from apiserver.controllers.disruption.stale_conditions import STALE_TIMEOUT
from apiserver.machinery.builtin_resources import (
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    REPLICA_SETS,
)
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import Clock, format_seconds
from apiserver.registry.loopback import Loopback, controller_client
from apiserver.registry.registry import Registry
from tests.unit.cluster import NAMESPACES, PODS, create, named, pod, registry_in_memory
from tests.waiting import PATIENCE

LABELS = {"app": "web"}
TEMPLATE = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
CONTROLLERS = GroupVersionResource("", "v1", "replicationcontrollers")
STATEFUL_SETS = GroupVersionResource("apps", "v1", "statefulsets")
DAEMON_SETS = GroupVersionResource("apps", "v1", "daemonsets")
KINDS = {
    CONTROLLERS: "ReplicationController",
    STATEFUL_SETS: "StatefulSet",
    DAEMON_SETS: "DaemonSet",
    DEPLOYMENTS: "Deployment",
    REPLICA_SETS: "ReplicaSet",
}


class Watch(Clock):
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


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


@pytest.fixture
def controller(client: Loopback, clock: Watch) -> DisruptionController:
    return DisruptionController(client, clock)


async def protect(registry: Registry, selector: Any = None, **spec: Any) -> None:
    chosen = {"matchLabels": LABELS} if selector is None else selector
    await create(
        registry, DISRUPTION_BUDGETS, {**named("b", "n"), "spec": {"selector": chosen, **spec}}
    )


async def workload(
    registry: Registry, resource: GroupVersionResource, replicas: int | None, *owners: Object
) -> Object:
    """Create a workload of Pods; return a reference to it as their controller."""
    core = resource == CONTROLLERS
    selector: Object = LABELS if core else {"matchLabels": LABELS}
    spec: Object = {"selector": selector, "template": TEMPLATE}
    if replicas is not None:
        spec["replicas"] = replicas
    if resource == STATEFUL_SETS:
        spec["serviceName"] = "s"
    name = resource.resource
    metadata = {"ownerReferences": list(owners)} if owners else {}
    made = await create(registry, resource, {**named(name, "n", **metadata), "spec": spec})
    return {
        "apiVersion": resource.api_version,
        "kind": KINDS[resource],
        "name": name,
        "uid": made["metadata"]["uid"],
        "controller": True,
    }


async def run(
    registry: Registry, name: str, *owners: Object, ready: bool = True, labels: Any = None
) -> Object:
    """Create a Pod that runs."""
    document = pod(name, "n")
    document["metadata"] |= {"labels": labels or LABELS, "ownerReferences": list(owners)}
    made = await create(registry, PODS, document)
    condition = {"type": "Ready", "status": str(ready)}
    client = controller_client(registry, "kubelet")
    status = {**made["status"], "phase": "Running", "conditions": [condition]}
    return await client.update(PODS, {**made, "status": status}, "status")


async def counted(client: Loopback) -> Object:
    return (await client.get(DISRUPTION_BUDGETS, "n", "b"))["status"]


def figures(status: Object) -> tuple[int, ...]:
    """Return expected, desired, current and allowed."""
    names = ("expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed")
    return tuple(status.get(name, 0) for name in names)


async def test_pods_are_counted_by_selector(
    registry: Registry, client: Loopback, controller: DisruptionController, clock: Watch
) -> None:
    await protect(registry, minAvailable=1)
    await run(registry, "a")
    await run(registry, "b")
    await run(registry, "c", ready=False)
    await run(registry, "other", labels={"app": "db"})
    assert await controller.reconcile("n/b") is None
    assert await counted(client) == {
        "currentHealthy": 2,
        "desiredHealthy": 1,
        "disruptionsAllowed": 1,
        "expectedPods": 3,
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "DisruptionAllowed",
                "status": "True",
                "observedGeneration": 1,
                "lastTransitionTime": format_seconds(int(clock.now)),
                "reason": "SufficientPods",
                "message": "",
            }
        ],
    }


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"minAvailable": 2}, (3, 2, 3, 1)),
        ({"minAvailable": 5}, (3, 5, 3, 0)),
        ({"minAvailable": "50%"}, (5, 3, 3, 0)),
        ({"minAvailable": "25%"}, (5, 2, 3, 1)),
        ({"maxUnavailable": "50%"}, (5, 2, 3, 1)),
        ({"maxUnavailable": 4}, (5, 1, 3, 2)),
        ({"maxUnavailable": 9}, (5, 0, 3, 3)),
        ({}, (0, 0, 3, 0)),
        ({"minAvailable": 1, "selector": {}}, (3, 1, 3, 2)),
    ],
)
async def test_numbers_and_percentages_of_what_controllers_want(
    registry: Registry,
    client: Loopback,
    controller: DisruptionController,
    spec: Object,
    expected: tuple[int, ...],
) -> None:
    await protect(registry, **spec)
    owner = await workload(registry, REPLICA_SETS, 5)
    for name in ("a", "b", "c"):
        await run(registry, name, owner)
    await controller.reconcile("n/b")
    assert figures(await counted(client)) == expected


@pytest.mark.parametrize("resource", [CONTROLLERS, STATEFUL_SETS, REPLICA_SETS, DEPLOYMENTS])
async def test_every_kind_with_a_scale_says_how_many_pods_it_wants(
    registry: Registry,
    client: Loopback,
    controller: DisruptionController,
    resource: GroupVersionResource,
) -> None:
    await protect(registry, maxUnavailable=1)
    await run(registry, "a", await workload(registry, resource, 4))
    await controller.reconcile("n/b")
    assert figures(await counted(client)) == (4, 3, 1, 0)


async def test_replica_sets_of_one_deployment_count_once(
    registry: Registry, client: Loopback, controller: DisruptionController
) -> None:
    await protect(registry, maxUnavailable=1)
    deployment = await workload(registry, DEPLOYMENTS, 3)
    await run(registry, "a", await workload(registry, REPLICA_SETS, 7, deployment))
    await controller.reconcile("n/b")
    assert figures(await counted(client)) == (3, 2, 1, 0)


async def test_a_replica_set_whose_deployment_is_gone_counts_itself(
    registry: Registry, client: Loopback, controller: DisruptionController
) -> None:
    await protect(registry, maxUnavailable=1)
    deployment = {**await workload(registry, DEPLOYMENTS, 3), "uid": "other"}
    await run(registry, "a", await workload(registry, REPLICA_SETS, 7, deployment))
    await controller.reconcile("n/b")
    assert figures(await counted(client)) == (7, 6, 1, 0)


async def test_unmanaged_pods_are_healthy_and_not_expected(
    registry: Registry, client: Loopback, controller: DisruptionController
) -> None:
    await protect(registry, maxUnavailable=1)
    await run(registry, "a")
    await controller.reconcile("n/b")
    assert figures(await counted(client)) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"kind": "ReplicaSet", "apiVersion": "apps/v1"}, 'found no controllers for pod "a"'),
        (
            {"kind": "Robot", "apiVersion": "example.com/v1"},
            'no matches for kind "Robot" in version "example.com/v1"',
        ),
        (
            {"kind": "DaemonSet", "apiVersion": "apps/v1"},
            "daemonsets.apps does not implement the scale subresource",
        ),
    ],
)
async def test_a_budget_that_cannot_be_counted_allows_nothing(
    registry: Registry,
    client: Loopback,
    controller: DisruptionController,
    reference: Object,
    message: str,
) -> None:
    await protect(registry, maxUnavailable=1)
    await run(registry, "a", {**reference, "name": "x", "uid": "u", "controller": True})
    requeue = await controller.reconcile("n/b")
    assert requeue is not None
    assert requeue.seconds is None
    status = await counted(client)
    (condition,) = status["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "SyncFailed")
    assert condition["message"] == message
    assert (figures(status), status.get("observedGeneration")) == ((0, 0, 0, 0), None)


async def test_a_disruption_counts_until_the_pod_goes_or_for_two_minutes(
    registry: Registry, client: Loopback, controller: DisruptionController, clock: Watch
) -> None:
    await protect(registry, minAvailable=1)
    await run(registry, "a")
    await run(registry, "b")
    await controller.reconcile("n/b")
    budget = await client.get(DISRUPTION_BUDGETS, "n", "b")
    since = format_seconds(int(clock.now))
    status = {**budget["status"], "disruptedPods": {"a": since, "gone": since}}
    await client.update(DISRUPTION_BUDGETS, {**budget, "status": status}, "status")
    requeue = await controller.reconcile("n/b")
    assert requeue is not None
    assert requeue.seconds == DELETION_TIMEOUT + 1
    shown = await counted(client)
    assert (shown["disruptedPods"], figures(shown)) == ({"a": since}, (2, 1, 1, 0))
    clock.now += requeue.seconds
    assert await controller.reconcile("n/b") is None
    shown = await counted(client)
    assert ("disruptedPods" in shown, figures(shown)) == (False, (2, 1, 2, 1))


async def test_nothing_is_written_where_nothing_has_changed(
    registry: Registry, client: Loopback, controller: DisruptionController, clock: Watch
) -> None:
    await protect(registry, minAvailable=1)
    await controller.reconcile("n/b")
    before = await client.get(DISRUPTION_BUDGETS, "n", "b")
    clock.now += 5
    await controller.reconcile("n/b")
    assert await client.get(DISRUPTION_BUDGETS, "n", "b") == before


async def target(client: Loopback, made: Object, since: float, **changes: Any) -> None:
    """Make a Pod the target of a disruption."""
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "m",
        "lastTransitionTime": format_seconds(int(since)),
        **changes.pop("condition", {}),
    }
    status = {**made["status"], "conditions": [condition], **changes}
    await client.update(PODS, {**made, "status": status}, "status")


async def conditions(client: Loopback) -> list[Object]:
    found: list[Object] = (await client.get(PODS, "n", "a"))["status"]["conditions"]
    return found


async def test_a_pod_that_is_not_deleted_is_no_target_after_two_minutes(
    registry: Registry, client: Loopback, controller: DisruptionController, clock: Watch
) -> None:
    await target(client, await run(registry, "a"), clock.now)
    requeue = await controller.reconcile("/n/a")
    assert requeue is not None
    assert requeue.seconds == STALE_TIMEOUT
    assert [each["status"] for each in await conditions(client)] == ["True"]
    clock.now += STALE_TIMEOUT
    assert await controller.reconcile("/n/a") is None
    (condition,) = await conditions(client)
    assert condition == {
        "type": "DisruptionTarget",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": format_seconds(int(clock.now)),
    }
    assert await controller.reconcile("/n/gone") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"phase": "Failed"},
        {"condition": {"reason": "TerminationByKubelet"}},
        {"condition": {"status": "False"}},
    ],
)
async def test_other_conditions_of_pods_stay(
    registry: Registry,
    client: Loopback,
    controller: DisruptionController,
    clock: Watch,
    changes: Object,
) -> None:
    await target(client, await run(registry, "a"), clock.now - 2 * STALE_TIMEOUT, **changes)
    before = await conditions(client)
    assert await controller.reconcile("/n/a") is None
    assert await conditions(client) == before


async def test_a_budget_follows_its_pods(registry: Registry, client: Loopback) -> None:
    async def until(expected: tuple[int, ...]) -> None:
        async with asyncio.timeout(PATIENCE):
            while figures(await counted(client)) != expected:
                await asyncio.sleep(0)

    controller = Controller("test", client, DisruptionController(client))
    task = asyncio.create_task(controller.run())
    try:
        await protect(registry, minAvailable=1)
        await run(registry, "a")
        made = await run(registry, "b")
        await until((2, 1, 2, 1))
        # It leaves the budget by its labels.
        metadata = {**made["metadata"], "labels": {"app": "db"}}
        await client.update(PODS, {**made, "metadata": metadata})
        await until((1, 1, 1, 0))
        await client.delete(PODS, "n", "a", DeleteOptions(grace_period_seconds=0))
        await until((0, 1, 0, 0))
        await client.delete(DISRUPTION_BUDGETS, "n", "b", DeleteOptions())
    finally:
        task.cancel()
        await asyncio.wait([task])
