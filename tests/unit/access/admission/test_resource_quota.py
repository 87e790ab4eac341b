"""ResourceQuota: what it says, what it charges, and how often it tries."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import pytest

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.admission.plugins.resource_quota import TRIES, ResourceQuota
from apiserver.client.client import Client, ListedObjects
from apiserver.machinery.builtin_resources import CLAIMS, PODS, QUOTAS, SERVICES
from apiserver.machinery.errors import Conflict, Forbidden
from apiserver.machinery.gvk import GroupResource, GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object, name_of
from tests.unit.access.admission.admitting import USER, named

MAPS = GroupVersionResource("", "v1", "configmaps")
EVENTS = GroupVersionResource("", "v1", "events")


class Cluster:
    """Quotas that are read at once, or listed, and written if nobody else has meanwhile."""

    def __init__(self, *quotas: Object) -> None:
        self.quotas = {name_of(quota): quota for quota in quotas}
        self.there: set[str] = set()
        #: So many writes come too late.
        self.late = 0
        self.client = AsyncMock(Client)
        self.client.update.side_effect = self._update
        self.client.list.side_effect = self._list

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        if resource == QUOTAS:
            return self.quotas.get(name)
        return named(name) if name in self.there else None

    def list(self, resource: GroupVersionResource, namespace: str = "") -> list[Object]:
        assert (resource, namespace) == (QUOTAS, "ns")
        return sorted(self.quotas.values(), key=name_of)

    def used(self, name: str = "q") -> dict[str, str]:
        used: dict[str, str] = self.quotas[name]["status"]["used"]
        return used

    async def _list(self, resource: GroupVersionResource, namespace: str) -> ListedObjects:
        return ListedObjects(self.list(resource, namespace), "1")

    async def _update(self, resource: GroupVersionResource, quota: Object, part: str) -> Object:
        assert (resource, part) == (QUOTAS, "status")
        before = self.quotas[name_of(quota)]["metadata"]["resourceVersion"]
        await asyncio.sleep(0)
        current = self.quotas[name_of(quota)]
        if self.late:
            self.late -= 1
            current = _version(current, current["metadata"]["resourceVersion"] + 1)
            self.quotas[name_of(quota)] = current
        if quota["metadata"]["resourceVersion"] != current["metadata"]["resourceVersion"]:
            raise Conflict.of(GroupResource("", "resourcequotas"), name_of(quota), "changed")
        self.quotas[name_of(quota)] = _version(quota, before + 1)
        return quota


def _version(quota: Object, version: int) -> Object:
    return {**quota, "metadata": {**quota["metadata"], "resourceVersion": version}}


def quota(
    hard: dict[str, str], used: dict[str, str] | None = None, name: str = "q", **spec: Any
) -> Object:
    used = dict.fromkeys(hard, "0") if used is None else used
    made = named(name, spec=spec, status={"hard": hard, "used": used})
    return _version(made, 1)


def pod(*containers: dict[str, Any], name: str = "p") -> Object:
    return named(name, spec={"containers": list(containers) or [{"name": "c"}]})


def container(name: str, limits: dict[str, str] | None = None, **requests: str) -> dict[str, Any]:
    return {"name": name, "resources": {"requests": requests, "limits": limits or {}}}


def write(
    resource: GroupVersionResource, document: Object, old: Object | None = None, **members: Any
) -> AdmissionAttributes:
    return AdmissionAttributes(
        operation=CREATE if old is None else UPDATE,
        user=USER,
        gvk=GroupVersionKind("", "v1", "Kind"),
        gvr=resource,
        namespace="ns",
        name=name_of(document),
        object=document,
        old_object=old,
        **members,
    )


async def answer(cluster: Cluster, attributes: AdmissionAttributes) -> str:
    try:
        await ResourceQuota(cluster.client).validate_async(attributes, cluster)
    except Forbidden as refusal:
        return refusal.message.removeprefix('pods "p" is forbidden: ')
    return ""


@pytest.mark.parametrize(
    ("limits", "document", "message"),
    [
        (quota({"pods": "1"}), pod(), ""),
        (
            quota({"pods": "1", "cpu": "1"}, {"pods": "1", "cpu": "0"}),
            pod(container("a", cpu="1")),
            "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
        ),
        (
            quota({"memory": "1Gi", "cpu": "1", "pods": "9"}),
            pod(container("a", cpu="2", memory="1025Mi")),
            "exceeded quota: q, requested: cpu=2,memory=1025Mi, used: cpu=0,memory=0, "
            "limited: cpu=1,memory=1Gi",
        ),
        (
            quota({"memory": "1Gi", "cpu": "1"}, {}),
            pod(container("a", cpu="2", memory="1Gi")),
            "status unknown for quota: q, resources: cpu,memory",
        ),
        (
            quota({"limits.cpu": "1", "requests.memory": "1Gi", "pods": "1"}, {}),
            pod(container("b", memory="1"), container("a")),
            "failed quota: q: must specify limits.cpu for: a,b; requests.memory for: a",
        ),
        (quota({"requests.ephemeral-storage": "1Gi"}), pod(), ""),
        (quota({"requests.example.com/gpu": "1"}), pod(), ""),
        (quota({"cpu": "1"}, {}, scopes=["NotBestEffort"]), pod(), ""),
        (quota({"configmaps": "0"}), pod(), ""),
        (
            quota({"cpu": "1"}),
            named(
                "p", spec={"containers": [{"name": "c"}], "resources": {"requests": {"cpu": "2"}}}
            ),
            "exceeded quota: q, requested: cpu=2, used: cpu=0, limited: cpu=1",
        ),
        # Limits are in force when the controller has seen them.
        (named("q", spec={"hard": {"pods": "0"}}, status={}), pod(), ""),
    ],
)
async def test_a_quota_says_what_is_wrong(limits: Object, document: Object, message: str) -> None:
    cluster = Cluster(_version(limits, 1))
    assert await answer(cluster, write(PODS, document)) == message


async def test_every_quota_is_charged_that_limits_the_object() -> None:
    cluster = Cluster(
        quota({"pods": "5", "cpu": "4"}, {"pods": "1", "cpu": "500m"}, "a"),
        quota({"requests.cpu": "4"}, name="b"),
        quota({"services": "4"}, name="c"),
        quota({"pods": "4"}, name="d", scopes=["BestEffort"]),
    )
    assert await answer(cluster, write(PODS, pod(container("a", cpu="1")))) == ""
    assert cluster.used("a") == {"pods": "2", "cpu": "1500m"}
    assert cluster.used("b") == {"requests.cpu": "1"}
    assert cluster.used("c") == {"services": "0"}
    assert cluster.used("d") == {"pods": "0"}


async def test_nothing_is_charged_where_one_quota_refuses() -> None:
    cluster = Cluster(quota({"pods": "5"}, name="a"), quota({"pods": "0"}, name="b"))
    assert (await answer(cluster, write(PODS, pod()))).startswith("exceeded quota: b,")
    cluster.client.update.assert_not_awaited()


async def test_a_dry_run_is_checked_and_not_charged() -> None:
    cluster = Cluster(quota({"pods": "1"}))
    assert await answer(cluster, write(PODS, pod(), dry_run=True)) == ""
    assert cluster.used() == {"pods": "0"}
    full = Cluster(quota({"pods": "0"}))
    assert await answer(full, write(PODS, pod(), dry_run=True)) != ""


async def test_what_is_there_already_is_not_charged() -> None:
    cluster = Cluster(quota({"pods": "1"}))
    cluster.there.add("p")
    assert await answer(cluster, write(PODS, pod())) == ""
    assert cluster.used() == {"pods": "0"}


def service(*ports: int, type_: str = "NodePort") -> Object:
    return named("s", spec={"type": type_, "ports": [{"port": port} for port in ports]})


def claim(size: str, **spec: Any) -> Object:
    return named("v", spec={"resources": {"requests": {"storage": size}}, **spec})


@pytest.mark.parametrize(
    ("write", "hard", "used"),
    [
        (write(SERVICES, service(1, 2, 3), service(1)), "services.nodeports", "2"),
        (write(SERVICES, service(1), service(1, 2)), "services.nodeports", "0"),
        (write(SERVICES, service(1, type_="ClusterIP"), service(1)), "services.nodeports", "0"),
        (write(SERVICES, service(1), service(1, type_="ClusterIP")), "services.nodeports", "1"),
        (write(SERVICES, service(1), service(1)), "services", "0"),
        (write(CLAIMS, claim("3Gi"), claim("1Gi")), "requests.storage", "2Gi"),
        (write(CLAIMS, claim("3Gi"), claim("3Gi")), "requests.storage", "0"),
        (
            write(
                PODS,
                pod(container("a", cpu="3")),
                pod(container("a", cpu="1")),
                subresource="resize",
            ),
            "cpu",
            "2",
        ),
    ],
)
async def test_an_update_is_charged_for_what_it_adds(
    write: AdmissionAttributes, hard: str, used: str
) -> None:
    cluster = Cluster(quota({hard: "10Gi"}))
    assert await answer(cluster, write) == ""
    assert cluster.used() == {hard: used}


async def test_what_comes_into_a_scope_is_charged_in_full() -> None:
    cluster = Cluster(quota({"requests.storage": "2Gi"}, scopes=["VolumeAttributesClass"]))
    fast = claim("3Gi", volumeAttributesClassName="fast")
    assert "requested: requests.storage=3Gi" in await answer(
        cluster, write(CLAIMS, fast, claim("3Gi"))
    )


async def test_what_grows_no_more_is_let_be_beyond_the_limit() -> None:
    cluster = Cluster(quota({"services.nodeports": "1"}, {"services.nodeports": "5"}))
    assert await answer(cluster, write(SERVICES, service(1, 2), service(1, 2, 3))) == ""


async def test_a_quota_that_has_changed_is_read_again() -> None:
    cluster = Cluster(quota({"pods": "9"}, name="a"), quota({"pods": "9"}, name="b"))
    cluster.late = TRIES - 1
    assert await answer(cluster, write(PODS, pod())) == ""
    assert (cluster.used("a"), cluster.used("b")) == ({"pods": "1"}, {"pods": "1"})


async def test_a_quota_that_changes_all_the_time_is_the_clients_concern() -> None:
    cluster = Cluster(quota({"pods": "9"}))
    cluster.late = TRIES
    with pytest.raises(Conflict):
        await answer(cluster, write(PODS, pod()))
    assert cluster.client.update.await_count == TRIES


async def test_those_who_come_at_once_get_what_there_is_and_no_more() -> None:
    cluster = Cluster(quota({"pods": "10"}))
    plugin = ResourceQuota(cluster.client)
    reviews = (plugin.validate_async(write(PODS, pod()), cluster) for _ in range(50))
    answers = await asyncio.gather(*reviews, return_exceptions=True)
    assert answers.count(None) == 10
    assert {type(refusal) for refusal in answers if refusal is not None} == {Forbidden}
    assert cluster.used() == {"pods": "10"}


@pytest.mark.parametrize(
    ("operation", "resource", "subresource", "handled"),
    [
        (CREATE, MAPS, "", True),
        (UPDATE, MAPS, "", False),
        (CREATE, EVENTS, "", False),
        (CREATE, PODS, "binding", False),
        (CREATE, PODS, "eviction", False),
        (UPDATE, PODS, "", False),
        (UPDATE, PODS, "status", False),
        (UPDATE, PODS, "resize", True),
        (UPDATE, SERVICES, "", True),
        (UPDATE, SERVICES, "status", False),
        (UPDATE, CLAIMS, "", True),
    ],
)
def test_only_what_may_use_more_is_handled(
    operation: str, resource: GroupVersionResource, subresource: str, handled: bool
) -> None:
    plugin = ResourceQuota(AsyncMock(Client))
    assert plugin.handles(operation, resource, subresource) is handled
