"""ResourceQuota: its limits, and the usage that it charges."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.admission.plugins.resource_quota import ResourceQuota
from apiserver.machinery.builtin_resources import CLAIMS, PODS, QUOTAS, SERVICES
from apiserver.machinery.errors import Forbidden
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object, name_of
from tests.unit.access.admission.admitting import USER, named

MAPS = GroupVersionResource("", "v1", "configmaps")
EVENTS = GroupVersionResource("", "v1", "events")


class Cluster:
    """Quotas, and what is charged to them."""

    def __init__(self, *quotas: Object) -> None:
        self.quotas = {name_of(quota): quota for quota in quotas}

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        assert (resource, namespace) == (QUOTAS, "ns")
        return self.quotas.get(name)

    def list(self, resource: GroupVersionResource, namespace: str = "") -> list[Object]:
        assert (resource, namespace) == (QUOTAS, "ns")
        return sorted(self.quotas.values(), key=name_of)

    def used(self, name: str = "q") -> dict[str, str]:
        used: dict[str, str] = self.quotas[name]["status"]["used"]
        return used


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


def answer(cluster: Cluster, attributes: AdmissionAttributes) -> str:
    """Charge the quotas, and return what they say where they refuse."""
    try:
        charged = ResourceQuota().charge(attributes, cluster)
    except Forbidden as refusal:
        return refusal.message.removeprefix('pods "p" is forbidden: ')
    cluster.quotas |= {name_of(quota): quota for quota in charged}
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
def test_a_quota_says_what_is_wrong(limits: Object, document: Object, message: str) -> None:
    cluster = Cluster(_version(limits, 1))
    assert answer(cluster, write(PODS, document)) == message


def test_every_quota_is_charged_that_limits_the_object() -> None:
    cluster = Cluster(
        quota({"pods": "5", "cpu": "4"}, {"pods": "1", "cpu": "500m"}, "a"),
        quota({"requests.cpu": "4"}, name="b"),
        quota({"services": "4"}, name="c"),
        quota({"pods": "4"}, name="d", scopes=["BestEffort"]),
    )
    assert answer(cluster, write(PODS, pod(container("a", cpu="1")))) == ""
    assert cluster.used("a") == {"pods": "2", "cpu": "1500m"}
    assert cluster.used("b") == {"requests.cpu": "1"}
    assert cluster.used("c") == {"services": "0"}
    assert cluster.used("d") == {"pods": "0"}


def test_nothing_is_charged_where_one_quota_refuses() -> None:
    cluster = Cluster(quota({"pods": "5"}, name="a"), quota({"pods": "0"}, name="b"))
    assert (answer(cluster, write(PODS, pod()))).startswith("exceeded quota: b,")
    assert cluster.used("a") == {"pods": "0"}


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
def test_an_update_is_charged_for_what_it_adds(
    write: AdmissionAttributes, hard: str, used: str
) -> None:
    cluster = Cluster(quota({hard: "10Gi"}))
    assert answer(cluster, write) == ""
    assert cluster.used() == {hard: used}


def test_what_comes_into_a_scope_is_charged_in_full() -> None:
    cluster = Cluster(quota({"requests.storage": "2Gi"}, scopes=["VolumeAttributesClass"]))
    fast = claim("3Gi", volumeAttributesClassName="fast")
    assert "requested: requests.storage=3Gi" in answer(cluster, write(CLAIMS, fast, claim("3Gi")))


def test_what_grows_no_more_is_let_be_beyond_the_limit() -> None:
    cluster = Cluster(quota({"services.nodeports": "1"}, {"services.nodeports": "5"}))
    assert answer(cluster, write(SERVICES, service(1, 2), service(1, 2, 3))) == ""


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
    assert ResourceQuota().handles(operation, resource, subresource) is handled
