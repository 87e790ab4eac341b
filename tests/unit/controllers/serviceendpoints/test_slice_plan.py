"""The EndpointSlices of a Service to create, update and delete."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.controllers.serviceendpoints.endpoint_pods import EndpointPod
from apiserver.controllers.serviceendpoints.slice_plan import SlicePlan, plan_slices
from apiserver.controllers.serviceendpoints.trigger_times import TriggerTimes
from apiserver.machinery.objects import Object, with_metadata
from tests.unit.controllers.serviceendpoints.documents import (
    NODE,
    ZONES,
    at,
    pod,
    pods,
    port,
    service,
)

LINKED = {
    "kubernetes.io/service-name": "s",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
}
OWNER = {
    "apiVersion": "v1", "kind": "Service", "name": "s", "uid": "u", "controller": True,
    "blockOwnerDeletion": True,
}  # fmt: skip
PORTS = [{"name": "", "port": 8080, "protocol": "TCP"}]
WEB = {"name": "web", "protocol": "TCP"}


def plan(
    given: Object, found: list[EndpointPod], *existing: Object, last_change: str = ""
) -> SlicePlan:
    return plan_slices(given, found, ZONES, existing, last_change)


def stored(document: Object, name: str) -> Object:
    """Return a new slice as it is once it has been written."""
    return with_metadata(document, name=name, resourceVersion="1", generateName=None)


def settled(given: Object, found: list[EndpointPod]) -> list[Object]:
    """Return the slices of a Service that has never changed."""
    made = plan(given, found).create
    return [stored(document, f"s-{number}") for number, document in enumerate(made)]


def endpoint(name: str, ip: str = "10.1.0.1", **members: Any) -> Object:
    return {
        "addresses": [ip],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "namespace": "n", "name": name, "uid": f"uid of {name}"},
        "nodeName": NODE,
        "zone": "zone",
        **members,
    }


def conditions(ready: object, serving: object, terminating: object) -> Object:
    found = {"ready": ready, "serving": serving, "terminating": terminating}
    return {"conditions": {name: bool(value) for name, value in found.items()}}


def sizes(documents: list[Object]) -> list[int]:
    return [len(document["endpoints"]) for document in documents]


def test_a_new_slice_belongs_to_its_service() -> None:
    given = service(metadata={"labels": {"a": "b", "kubernetes.io/service-name": "x"}})
    (document,) = plan(given, [pod("p")], last_change=at(4)).create
    assert document == {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": "n",
            "generateName": "s-",
            "labels": {"a": "b", **LINKED},
            "ownerReferences": [OWNER],
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": at(4)},
        },
        "addressType": "IPv4",
        "endpoints": [endpoint("p")],
        "ports": PORTS,
    }


@pytest.mark.parametrize(
    ("given", "found", "expected"),
    [
        (service(), pod("p", ready=False), endpoint("p", **conditions(0, 0, 0))),
        (service(), pod("p", deleted=True), endpoint("p", **conditions(0, 1, 1))),
        (
            service(publishNotReadyAddresses=True),
            pod("p", ready=False, deleted=True),
            endpoint("p", **conditions(1, 0, 1)),
        ),
        (
            service(),
            pod("p", hostname="h", subdomain="s"),
            endpoint("p", hostname="h"),
        ),
        (service(), pod("p", hostname="h", subdomain="other"), endpoint("p")),
        (
            service(trafficDistribution="PreferClose"),
            pod("p"),
            endpoint("p", hints={"forZones": [{"name": "zone"}]}),
        ),
        (
            service(trafficDistribution="PreferSameNode"),
            pod("p"),
            endpoint("p", hints={"forZones": [{"name": "zone"}], "forNodes": [{"name": NODE}]}),
        ),
        (
            service(trafficDistribution="PreferSameZone"),
            pod("p", ready=False),
            endpoint("p", **conditions(0, 0, 0)),
        ),
        (
            service(
                trafficDistribution="PreferSameZone",
                metadata={"annotations": {"service.kubernetes.io/topology-mode": "Auto"}},
            ),
            pod("p"),
            endpoint("p"),
        ),
    ],
)
def test_an_endpoint_shows_its_pod(given: Object, found: EndpointPod, expected: Object) -> None:
    (document,) = plan(given, [found]).create
    assert document["endpoints"] == [expected]


def test_a_node_without_a_zone_gives_none() -> None:
    (document,) = plan(service(), [pod("p", nodeName="elsewhere")]).create
    assert "zone" not in document["endpoints"][0]


@pytest.mark.parametrize("node", ["missing", ""])
def test_a_pod_on_a_node_that_does_not_exist_is_no_endpoint(node: str) -> None:
    found = [pod("p", nodeName=node)]
    assert sizes(plan(service(), found).create) == [0]
    assert sizes(plan(service(publishNotReadyAddresses=True), found).create) == [1]


@pytest.mark.parametrize(
    ("families", "expected"),
    [
        (["IPv4"], {"IPv4": [["10.1.0.1"]]}),
        (["IPv6"], {"IPv6": [["fd00::1"]]}),
        (["IPv4", "IPv6"], {"IPv4": [["10.1.0.1"]], "IPv6": [["fd00::1"]]}),
    ],
)
def test_every_family_has_slices_of_its_own(families: list[str], expected: Object) -> None:
    made = plan(service(ipFamilies=families), [pod("p", "10.1.0.1", "fd00::1")]).create
    found = {
        document["addressType"]: [each["addresses"] for each in document["endpoints"]]
        for document in made
    }
    assert found == expected


def test_slices_of_a_family_that_was_given_up_go() -> None:
    found = [pod("p", "10.1.0.1", "fd00::1")]
    four, six = settled(service(ipFamilies=["IPv4", "IPv6"]), found)
    assert plan(service(), found, four, six) == SlicePlan(delete=[six])


def test_pods_whose_ports_differ_are_in_different_slices() -> None:
    def listening(name: str, ip: str, number: int) -> EndpointPod:
        return pod(name, ip, containers=[{"ports": [{**WEB, "containerPort": number}]}])

    found = [
        listening("a", "10.1.0.1", 1),
        listening("b", "10.1.0.2", 2),
        listening("c", "10.1.0.3", 1),
        pod("d", "10.1.0.4"),
    ]
    made = plan(service(port("x", target="web")), found).create
    shown = [
        ([each["port"] for each in document["ports"]], sizes([document])[0]) for document in made
    ]
    assert shown == [([1], 2), ([2], 1), ([], 1)]


def test_a_headless_service_may_have_no_ports() -> None:
    given = service(clusterIP="None", ports=[])
    (document,) = plan(given, [pod("p")]).create
    assert (document["ports"], document["endpoints"]) == ([], [endpoint("p")])
    assert document["metadata"]["labels"] == {**LINKED, "service.kubernetes.io/headless": ""}


def test_a_service_without_pods_has_an_empty_slice() -> None:
    given = service()
    (placeholder,) = settled(given, [])
    assert (placeholder["ports"], placeholder["endpoints"]) == ([], [])
    assert plan(given, [], placeholder) == SlicePlan()
    first = plan(given, [pod("p")], placeholder)
    assert (first.create, first.delete) == ([], [])
    assert [each["metadata"]["name"] for each in first.update] == ["s-0"]
    assert (first.update[0]["ports"], sizes(first.update)) == (PORTS, [1])
    last = plan(given, [], *first.update)
    assert (last.create, last.delete, sizes(last.update)) == ([], [], [0])


@pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
def test_what_is_as_it_should_be_is_left_alone(count: int) -> None:
    given, found = service(trafficDistribution="PreferSameZone"), pods(count)
    existing = settled(given, found)
    assert sizes(existing) == [100] * (count // 100) + [count % 100] * (count % 100 > 0)
    assert plan(given, list(reversed(found)), *existing) == SlicePlan()


@pytest.mark.parametrize(
    ("before", "after", "updated", "created"),
    [
        # New endpoints go to the slice that they fill best.
        (pods(250), pods(260), [60], []),
        (pods(250), pods(300), [100], []),
        # They fill a slice that changes anyway, and new slices if no other holds the rest.
        (pods(250), pods(301), [], [51]),
        (pods(250), pods(249), [49], []),
        (pods(250), pods(250)[1:], [99], []),
        (pods(250), pods(251)[1:], [100], []),
        (pods(250), pods(280)[10:], [100, 70], []),
        (pods(100), [*pods(99), pod("p00099", "10.1.0.99", ready=False)], [100], []),
        (pods(50), pods(250), [], [100, 100]),
    ],
)  # fmt: skip
def test_few_slices_are_written(
    before: list[EndpointPod], after: list[EndpointPod], updated: list[int], created: list[int]
) -> None:
    found = plan(service(), after, *settled(service(), before))
    assert (sizes(found.update), sizes(found.create), found.delete) == (updated, created, [])


def test_a_slice_without_endpoints_goes() -> None:
    existing = settled(service(), pods(101))
    found = plan(service(), pods(100), *existing)
    assert found == SlicePlan(delete=[existing[1]])


def test_a_slice_of_a_namesake_goes() -> None:
    (old,) = settled(service(metadata={"uid": "before"}), [pod("p")])
    found = plan(service(), [pod("p")], old)
    assert (len(found.create), found.update, found.delete) == (1, [], [old])


def test_a_service_that_is_being_deleted_gets_no_new_slice() -> None:
    given = service(metadata={"deletionTimestamp": at(5)})
    assert plan(given, [pod("p")]) == SlicePlan()


@pytest.mark.parametrize(
    "changed",
    [
        service(metadata={"labels": {"a": "b"}}),
        service(trafficDistribution="PreferClose"),
        service(port(target=81)),
    ],
)
def test_a_change_of_the_service_updates_its_slices(changed: Object) -> None:
    existing = settled(service(), [pod("p")])
    there = plan(changed, [pod("p")], *existing)
    assert (there.create, len(there.update), there.delete) == ([], 1, [])
    back = plan(service(), [pod("p")], *there.update)
    assert (back.create, back.update, back.delete) == ([], existing, [])


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([[]], at(0)),
        ([[pod("p", since=at(4))]], at(0)),
        ([[], [pod("p", since=at(4))]], at(4)),
        ([[], [pod("p", since=at(4))], [pod("p", since=at(4))]], ""),
        ([[], [pod("p", since=at(5)), pod("q", since=at(4))]], at(4)),
        ([[pod("p", since=at(4))], [pod("p", since=at(7)), pod("q", since=at(8))]], at(7)),
    ],
)
def test_the_earliest_change_is_the_one_that_counts(
    seen: list[list[EndpointPod]], expected: str
) -> None:
    times = TriggerTimes()
    assert [times.last_change("n/s", service(), found) for found in seen][-1] == expected
