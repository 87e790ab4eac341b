"""The subsets of Endpoints that Pods make, and their limit."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.controllers.serviceendpoints.endpoint_pods import EndpointPod, endpoint_pod
from apiserver.controllers.serviceendpoints.endpoint_subsets import (
    MAX_ADDRESSES,
    repacked,
    service_subsets,
    truncated,
)
from apiserver.controllers.serviceendpoints.service_endpoints import (
    OVER_CAPACITY,
    changed_endpoints,
)
from apiserver.machinery.objects import Object
from tests.unit.controllers.serviceendpoints.documents import (
    NODE,
    at,
    pod,
    pod_document,
    pods,
    port,
    service,
)

HTTP = {"port": 8080, "protocol": "TCP"}
WEB_80 = [{"name": "c", "ports": [{"name": "web", "containerPort": 80, "protocol": "TCP"}]}]
WEB_81 = [{"name": "c", "ports": [{"name": "web", "containerPort": 81, "protocol": "TCP"}]}]
SIDECAR = [{**WEB_81[0], "restartPolicy": "Always"}]


def address(name: str, ip: str = "10.1.0.1", **members: Any) -> Object:
    reference = {"kind": "Pod", "namespace": "n", "name": name, "uid": f"uid of {name}"}
    return {"ip": ip, "nodeName": NODE, "targetRef": reference, **members}


@pytest.mark.parametrize(
    "document",
    [
        pod_document("without-address"),
        pod_document("failed", "10.1.0.1", phase="Failed"),
        pod_document("succeeded", "10.1.0.1", phase="Succeeded"),
    ],
    ids=lambda document: document["metadata"]["name"],
)
def test_some_pods_are_no_endpoints(document: Object) -> None:
    assert endpoint_pod(document) is None


def test_the_only_address_of_an_old_status_counts() -> None:
    document = pod_document("p")
    document["status"] |= {"podIP": "10.1.0.1"}
    found = endpoint_pod(document)
    assert found is not None
    assert found.ips == ("10.1.0.1",)


@pytest.mark.parametrize(
    ("given", "found", "expected"),
    [
        (service(), [], []),
        (service(), [pod("p")], [{"addresses": [address("p")], "ports": [HTTP]}]),
        (
            service(),
            [pod("p", ready=False)],
            [{"notReadyAddresses": [address("p")], "ports": [HTTP]}],
        ),
        (
            service(publishNotReadyAddresses=True),
            [pod("p", ready=False, deleted=True)],
            [{"addresses": [address("p")], "ports": [HTTP]}],
        ),
        (service(), [pod("p", deleted=True)], []),
        (
            service(),
            [pod("b", "10.1.0.2"), pod("a", "10.1.0.1"), pod("c", "10.1.0.3", ready=False)],
            [
                {
                    "addresses": [address("a"), address("b", "10.1.0.2")],
                    "notReadyAddresses": [address("c", "10.1.0.3")],
                    "ports": [HTTP],
                }
            ],
        ),
        # Of both families of a Pod, the first one of the Service counts.
        (
            service(ipFamilies=["IPv6", "IPv4"]),
            [pod("p", "10.1.0.1", "fd00::1"), pod("q", "10.1.0.2")],
            [{"addresses": [address("p", "fd00::1")], "ports": [HTTP]}],
        ),
        (
            service(clusterIP="None", ports=[]),
            [pod("p", hostname="h", subdomain="s"), pod("q", "10.1.0.2", hostname="h")],
            [{"addresses": [address("p", hostname="h"), address("q", "10.1.0.2")]}],
        ),
        # A name is looked up in every Pod, and a port that one of them lacks is left out of it.
        (
            service(port("http", target="web"), port("other", 90, 90)),
            [
                pod("p", containers=WEB_80),
                pod("q", "10.1.0.2", containers=WEB_81),
                pod("r", "10.1.0.3"),
                pod("t", "10.1.0.4", initContainers=SIDECAR),
            ],
            [
                {
                    "addresses": [address("p")],
                    "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
                },
                {
                    "addresses": [address("q", "10.1.0.2"), address("t", "10.1.0.4")],
                    "ports": [{"name": "http", "port": 81, "protocol": "TCP"}],
                },
                {
                    "addresses": [
                        address("p"),
                        address("q", "10.1.0.2"),
                        address("r", "10.1.0.3"),
                        address("t", "10.1.0.4"),
                    ],
                    "ports": [{"name": "other", "port": 90, "protocol": "TCP"}],
                },
            ],
        ),
        (
            service(port("a", appProtocol="http"), port("b", 90, 90, protocol="UDP")),
            [pod("p")],
            [
                {
                    "addresses": [address("p")],
                    "ports": [
                        {"name": "a", "port": 8080, "protocol": "TCP", "appProtocol": "http"},
                        {"name": "b", "port": 90, "protocol": "UDP"},
                    ],
                }
            ],
        ),
    ],
)
def test_subsets_show_the_pods_of_a_service(
    given: Object, found: list[EndpointPod], expected: list[Object]
) -> None:
    assert service_subsets(given, found) == expected


def test_an_address_that_is_ready_and_not_ready_is_not_ready() -> None:
    one = {"ip": "10.1.0.1"}
    given = [{"addresses": [one], "ports": [HTTP]}, {"notReadyAddresses": [one], "ports": [HTTP]}]
    assert repacked(given) == [{"notReadyAddresses": [one], "ports": [HTTP]}]


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        ([(MAX_ADDRESSES, 0)], [(MAX_ADDRESSES, 0)]),
        ([(MAX_ADDRESSES, 1)], [(MAX_ADDRESSES, 0)]),
        ([(1500, 500)], [(1000, 0)]),
        ([(900, 200), (0, 100)], [(900, 67), (0, 33)]),
        ([(1999, 0), (1, 9)], [(1000, 0)]),
        ([(600, 0), (600, 1)], [(500, 0), (500, 0)]),
    ],
)
def test_endpoints_are_cut_to_what_they_hold(
    sizes: list[tuple[int, int]], kept: list[tuple[int, int]]
) -> None:
    given = [
        {
            "addresses": [{"ip": f"10.{at}.0.{number}"} for number in range(ready)],
            "notReadyAddresses": [{"ip": f"10.{at}.1.{number}"} for number in range(unready)],
        }
        for at, (ready, unready) in enumerate(sizes)
    ]
    found, lost = truncated(given)
    assert lost == (kept != sizes)
    counts = [
        (len(each.get("addresses", ())), len(each.get("notReadyAddresses", ()))) for each in found
    ]
    assert counts == kept


def test_endpoints_over_capacity_say_so() -> None:
    many, few = pods(MAX_ADDRESSES + 1), pods(MAX_ADDRESSES)
    over = changed_endpoints(service(), many, None, "")
    assert over is not None
    assert over["metadata"]["annotations"] == {OVER_CAPACITY: "truncated"}
    assert changed_endpoints(service(), many, over, at(3)) is None
    fits = changed_endpoints(service(), few, over, "")
    assert fits is not None
    assert "annotations" not in fits["metadata"]


@pytest.mark.parametrize(
    ("labels", "spec", "expected"),
    [
        ({}, {}, {}),
        ({"a": "b"}, {}, {"a": "b"}),
        ({"a": "b"}, {"clusterIP": "None"}, {"a": "b", "service.kubernetes.io/headless": ""}),
        ({"service.kubernetes.io/headless": "x"}, {}, {}),
    ],
)
def test_labels_are_those_of_the_service(labels: Object, spec: Object, expected: Object) -> None:
    given = service(metadata={"labels": labels}, **spec)
    found = changed_endpoints(given, [], None, at(2))
    assert found is not None
    managed = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}
    assert found["metadata"] == {
        "namespace": "n",
        "name": "s",
        "labels": {**expected, **managed},
        "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": at(2)},
    }
    assert changed_endpoints(given, [], found, at(3)) is None
