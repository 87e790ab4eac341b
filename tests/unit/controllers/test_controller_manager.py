"""Which controllers run and when, and their health and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from apiserver.controllers.controller_manager import (
    LEASE,
    ControllerManager,
    ControllerOptions,
    build_manager,
    run_controllers,
)
from apiserver.controllers.controller_names import (
    GARBAGE_COLLECTOR,
    IMPLEMENTED,
    NAMESPACE,
    NOT_IMPLEMENTED,
    missing_controllers,
    selected_controllers,
    unknown_controllers,
)
from apiserver.machinery.builtin_resources import LEASES
from apiserver.machinery.instruments import Histogram
from apiserver.registry.loopback import system_client
from apiserver.registry.registry import Registry
from tests.unit.cluster import NAMESPACES, create, named, registry_in_memory, webhooks_of
from tests.waiting import eventually

KNOWN = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["*"], ["a", "b", "c"]),
        ([], []),
        (["b"], ["b"]),
        (["*", "-b"], ["a", "c"]),
        (["-b", "*"], ["a", "c"]),
        (["c", "a"], ["a", "c"]),
        (["b", "-b"], ["b"]),
        (["-b", "b", "*"], ["a", "c"]),
        (["-b"], []),
        (["-*"], []),
    ],
)
def test_names_choose_controllers(given: list[str], expected: list[str]) -> None:
    assert selected_controllers(given, KNOWN) == expected


def test_a_controller_has_one_name_and_maybe_a_former_one() -> None:
    assert not NOT_IMPLEMENTED & set(IMPLEMENTED)
    assert selected_controllers(["garbagecollector", "namespace"]) == [GARBAGE_COLLECTOR, NAMESPACE]
    assert GARBAGE_COLLECTOR not in selected_controllers(["*", "-garbagecollector"])
    assert unknown_controllers(["*", "-*", "-nobody", "deployment", "-namespace"]) == ["nobody"]
    assert missing_controllers(["*", "deployment", "namespace", "-job"]) == [
        "deployment-controller"
    ]


def gauge(manager: ControllerManager, family: str) -> dict[str, float]:
    """Return the values of a metric by the first label."""
    (values,) = [each.values for each in manager.families() if each.name == family]
    assert not isinstance(values, Histogram)
    return {labels[0]: value for labels, value in values.items()}


def manager_of(
    registry: Registry, identity: str = "", enabled: Sequence[str] = ("*",)
) -> ControllerManager:
    return build_manager(ControllerOptions(enabled, identity), registry, webhooks_of(registry))


async def test_controllers_begin_when_the_server_is_ready_and_end_with_it() -> None:
    async with registry_in_memory() as registry:
        ready, manager = asyncio.Event(), manager_of(registry)
        tasks = asyncio.all_tasks()
        async with run_controllers(manager, ready):
            await asyncio.sleep(0)
            assert registry.store.watchers == 0
            assert GARBAGE_COLLECTOR in manager.failed()
            ready.set()
            await eventually(lambda: not manager.failed())
            await eventually(lambda: registry.store.watchers)
            assert set(gauge(manager, "running_managed_controllers").values()) == {1}
        assert registry.store.watchers == 0
        assert set(gauge(manager, "running_managed_controllers").values()) == {0}
        assert asyncio.all_tasks() == tasks


async def test_only_those_that_are_enabled_exist() -> None:
    async with registry_in_memory() as registry:
        none, some = manager_of(registry, enabled=[]), manager_of(registry, enabled=["namespace"])
        own, enabled = (
            (set(gauge(each, "running_managed_controllers")), set(gauge(each, "workqueue_depth")))
            for each in (none, some)
        )
        assert "flow-schema-status" in own[0] & own[1]
        assert enabled == (own[0] | {"namespace-controller"}, own[1] | {"namespace"})


async def test_of_several_servers_one_runs_the_managed_controllers_and_all_their_own() -> None:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("kube-system"))
        ready = asyncio.Event()
        ready.set()
        first, second = (manager_of(registry, name) for name in ("one", "two"))
        async with run_controllers(second, ready):
            async with run_controllers(first, ready):
                await eventually(lambda: sum(running(each) for each in (first, second)) == 1)
                leader, other = (first, second) if running(first) else (second, first)
                assert gauge(leader, "leader_election_master_status") == {LEASE: 1}
                assert gauge(other, "leader_election_master_status") == {LEASE: 0}
                await eventually(lambda: not first.failed() and not second.failed())
                assert gauge(other, "running_managed_controllers")["flow-schema-status"] == 1
            await eventually(lambda: running(second))
        lease = await system_client(registry).get(LEASES, "kube-system", LEASE)
        assert "holderIdentity" not in lease["spec"]


def running(manager: ControllerManager) -> bool:
    return gauge(manager, "running_managed_controllers")[GARBAGE_COLLECTOR] == 1
