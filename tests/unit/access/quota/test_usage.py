"""What objects use, by the names of quotas."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.quota.usage import evaluator_of, resource_counted
from apiserver.machinery.gvk import GroupResource

NOW = 1_000_000.0
PODS = GroupResource("", "pods")
SERVICES = GroupResource("", "services")
CLAIMS = GroupResource("", "persistentvolumeclaims")
DEVICES = GroupResource("resource.k8s.io", "resourceclaims")


def usage(resource: GroupResource, document: dict[str, Any]) -> dict[str, str]:
    evaluator = evaluator_of(resource)
    assert evaluator is not None
    used = evaluator.usage({"metadata": {}, **document}, NOW)
    # What is used of is what is counted.
    assert all(map(evaluator.counts, used))
    return used


def container(name: str = "c", limits: Any = None, **requests: str) -> dict[str, Any]:
    return {"name": name, "resources": {"requests": requests, "limits": limits or {}}}


ONE = {"pods": "1", "count/pods": "1"}
ENDED = {"count/pods": "1"}
GPU = {"example.com/gpu": "2"}
HUGE = {"hugepages-2Mi": "4Mi"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": [container()]}, {}),
        (
            {"containers": [container(cpu="500m", memory="1Gi"), container(cpu="1")]},
            {"cpu": "1500m", "requests.cpu": "1500m", "memory": "1Gi", "requests.memory": "1Gi"},
        ),
        (
            {"containers": [container(limits={"cpu": "2", "ephemeral-storage": "1Gi"})]},
            {"limits.cpu": "2", "limits.ephemeral-storage": "1Gi"},
        ),
        (
            {"containers": [container(**{"ephemeral-storage": "1G"})]},
            {"ephemeral-storage": "1G", "requests.ephemeral-storage": "1G"},
        ),
        (
            {"containers": [container(limits={**HUGE, **GPU}, **HUGE, **GPU)]},
            {
                "hugepages-2Mi": "4Mi",
                "requests.hugepages-2Mi": "4Mi",
                "requests.example.com/gpu": "2",
            },
        ),
        (
            {"containers": [container(cpu="1")], "initContainers": [container(cpu="3")]},
            {"cpu": "3", "requests.cpu": "3"},
        ),
        (
            {
                "containers": [container(cpu="1", limits={"cpu": "1"})],
                "overhead": {"cpu": "250m", "memory": "64Mi"},
            },
            {
                "cpu": "1250m",
                "requests.cpu": "1250m",
                "memory": "64Mi",
                "requests.memory": "64Mi",
                "limits.cpu": "1250m",
            },
        ),
        (
            {"containers": [container(cpu="1")], "resources": {"requests": {"cpu": "2"}}},
            {"cpu": "2", "requests.cpu": "2"},
        ),
    ],
)
def test_a_pod_uses_what_its_containers_ask_for(
    spec: dict[str, Any], expected: dict[str, str]
) -> None:
    assert usage(PODS, {"spec": spec}) == {**ONE, **expected}


@pytest.mark.parametrize(
    ("members", "alive"),
    [
        ({"status": {"phase": "Running"}}, True),
        ({"status": {"phase": "Failed"}}, False),
        ({"status": {"phase": "Succeeded"}}, False),
        ({"metadata": {"deletionTimestamp": "1970-01-12T13:46:30Z"}}, True),
        (
            {
                "metadata": {
                    "deletionTimestamp": "1970-01-12T13:46:30Z",
                    "deletionGracePeriodSeconds": 10,
                }
            },
            True,
        ),
        (
            {
                "metadata": {
                    "deletionTimestamp": "1970-01-12T13:46:30Z",
                    "deletionGracePeriodSeconds": 9,
                }
            },
            False,
        ),
    ],
)
def test_a_pod_that_is_over_uses_nothing_but_its_place(
    members: dict[str, Any], alive: bool
) -> None:
    document = {"spec": {"containers": [container(cpu="1")]}, **members}
    expected = {**ONE, "cpu": "1", "requests.cpu": "1"} if alive else ENDED
    assert usage(PODS, document) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"type": "ClusterIP", "ports": [{}]}, {}),
        ({"type": "ExternalName"}, {}),
        ({"type": "NodePort", "ports": [{}, {}]}, {"services.nodeports": "2"}),
        (
            {"type": "LoadBalancer", "ports": [{}, {}]},
            {"services.nodeports": "2", "services.loadbalancers": "1"},
        ),
        (
            {
                "type": "LoadBalancer",
                "ports": [{"nodePort": 30000}, {}],
                "allocateLoadBalancerNodePorts": False,
            },
            {"services.nodeports": "1", "services.loadbalancers": "1"},
        ),
    ],
)
def test_a_service_uses_what_its_type_takes(spec: dict[str, Any], expected: dict[str, str]) -> None:
    base = {"services": "1", "count/services": "1"}
    assert usage(SERVICES, {"spec": spec}) == {**base, **expected}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"spec": {}}, {"persistentvolumeclaims": "1"}),
        (
            {
                "spec": {"resources": {"requests": {"storage": "1Gi"}}},
                "status": {"allocatedResources": {"storage": "2Gi"}},
            },
            {"persistentvolumeclaims": "1", "requests.storage": "2Gi"},
        ),
        (
            {
                "spec": {
                    "storageClassName": "fast",
                    "resources": {"requests": {"storage": "1Gi"}},
                }
            },
            {
                "persistentvolumeclaims": "1",
                "requests.storage": "1Gi",
                "fast.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
                "fast.storageclass.storage.k8s.io/requests.storage": "1Gi",
            },
        ),
        (
            {
                "metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": "old"}},
                "spec": {"storageClassName": "fast"},
            },
            {
                "persistentvolumeclaims": "1",
                "old.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
            },
        ),
    ],
)
def test_a_claim_uses_storage_of_its_class(
    document: dict[str, Any], expected: dict[str, str]
) -> None:
    assert usage(CLAIMS, document) == {"count/persistentvolumeclaims": "1", **expected}


def test_a_claim_of_devices_uses_the_most_that_it_may_be_given() -> None:
    requests = [
        {"exactly": {"deviceClassName": "gpu", "count": 2}},
        {"exactly": {"deviceClassName": "net", "allocationMode": "All"}},
        {
            "firstAvailable": [
                {"deviceClassName": "gpu", "count": 1},
                {"deviceClassName": "gpu", "count": 4},
                {"deviceClassName": "tpu"},
            ]
        },
    ]
    assert usage(DEVICES, {"spec": {"devices": {"requests": requests}}}) == {
        "count/resourceclaims.resource.k8s.io": "1",
        "gpu.deviceclass.resource.k8s.io/devices": "6",
        "net.deviceclass.resource.k8s.io/devices": "32",
        "tpu.deviceclass.resource.k8s.io/devices": "1",
    }


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (("", "configmaps"), {"configmaps", "count/configmaps"}),
        (("", "resourcequotas"), {"resourcequotas", "count/resourcequotas"}),
        (("", "endpoints"), {"count/endpoints"}),
        (("apps", "deployments"), {"count/deployments.apps"}),
        (("example.com", "secrets"), {"count/secrets.example.com"}),
    ],
)
def test_everything_else_counts_as_one(resource: tuple[str, str], expected: set[str]) -> None:
    assert usage(GroupResource(*resource), {}) == dict.fromkeys(expected, "1")


@pytest.mark.parametrize(
    "resource",
    [
        ("", "events"),
        ("events.k8s.io", "events"),
        ("", "bindings"),
        ("authorization.k8s.io", "localsubjectaccessreviews"),
    ],
)
def test_what_is_not_kept_does_not_count(resource: tuple[str, str]) -> None:
    assert evaluator_of(GroupResource(*resource)) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pods", ("", "pods")),
        ("count/pods", ("", "pods")),
        ("requests.example.com/gpu", ("", "pods")),
        ("hugepages-1Gi", ("", "pods")),
        ("requests.storage", ("", "persistentvolumeclaims")),
        ("fast.storageclass.storage.k8s.io/requests.storage", ("", "persistentvolumeclaims")),
        (
            "requests.fast.storageclass.storage.k8s.io/requests.storage",
            ("", "persistentvolumeclaims"),
        ),
        ("services.nodeports", ("", "services")),
        ("secrets", ("", "secrets")),
        ("count/deployments.apps", ("apps", "deployments")),
        ("count/widgets.a.example.com", ("a.example.com", "widgets")),
        ("count/events", None),
        ("example.com/gpu", None),
        ("limits.example.com/gpu", None),
        ("count/", None),
    ],
)
def test_a_name_in_a_quota_is_of_one_resource(name: str, expected: tuple[str, str] | None) -> None:
    assert resource_counted(name) == expected
