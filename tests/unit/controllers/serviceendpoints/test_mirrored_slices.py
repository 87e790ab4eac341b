"""EndpointSlices that mirror Endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.controllers.serviceendpoints.mirrored_slices import (
    MAX_ENDPOINTS,
    mirror,
    should_mirror,
)
from apiserver.controllers.serviceendpoints.slice_plan import SlicePlan
from apiserver.machinery.objects import Object, with_metadata

LINKED = {
    "kubernetes.io/service-name": "s",
    "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
}
HTTP = {"port": 80, "protocol": "TCP"}


def endpoints(*subsets: Object, **metadata: Any) -> Object:
    return {
        "metadata": {"name": "s", "namespace": "n", "uid": "u", **metadata},
        "subsets": list(subsets),
    }


def subset(*ready: str, unready: tuple[str, ...] = (), ports: tuple[Object, ...] = (HTTP,)) -> Any:
    found = {
        "addresses": [{"ip": ip} for ip in ready],
        "notReadyAddresses": [{"ip": ip} for ip in unready],
        "ports": list(ports),
    }
    return {name: value for name, value in found.items() if value}


def settled(given: Object) -> list[Object]:
    made = mirror(given, []).plan.create
    return [
        with_metadata(document, name=f"s-{number}", generateName=None)
        for number, document in enumerate(made)
    ]


def shown(documents: list[Object]) -> list[Object]:
    return [
        (
            document["addressType"],
            [(each["addresses"], each["conditions"]) for each in document["endpoints"]],
            [each["port"] for each in document["ports"]],
        )
        for document in documents
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, True),
        ({"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}, False),
        ({"labels": {"endpointslice.kubernetes.io/skip-mirror": "false"}}, True),
        ({"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}, False),
    ],
)
def test_some_endpoints_are_not_mirrored(metadata: Object, expected: bool) -> None:
    assert should_mirror(endpoints(**metadata)) == expected


def test_a_mirror_belongs_to_its_endpoints() -> None:
    target = {"kind": "Pod", "name": "p", "namespace": "n"}
    given = endpoints(
        {
            "addresses": [
                {"ip": "10.01.0.1", "hostname": "h", "nodeName": "m", "targetRef": target}
            ],
            "ports": [{"name": "x", "port": 80, "protocol": "UDP", "appProtocol": "a/b"}],
        },
        labels={"a": "b"},
        annotations={
            "c": "d",
            "endpoints.kubernetes.io/last-change-trigger-time": "now",
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
        },
    )
    assert mirror(given, []).plan.create == [
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "namespace": "n",
                "generateName": "s-",
                "labels": {"a": "b", **LINKED},
                "annotations": {"c": "d"},
                "ownerReferences": [
                    {
                        "apiVersion": "v1",
                        "kind": "Endpoints",
                        "name": "s",
                        "uid": "u",
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "addressType": "IPv4",
            "endpoints": [
                {
                    "addresses": ["10.1.0.1"],
                    "conditions": {"ready": True},
                    "targetRef": target,
                    "nodeName": "m",
                    "hostname": "h",
                }
            ],
            "ports": [{"name": "x", "port": 80, "protocol": "UDP", "appProtocol": "a/b"}],
        }
    ]


READY, UNREADY = {"ready": True}, {"ready": False}


@pytest.mark.parametrize(
    ("subsets", "expected"),
    [
        ([], []),
        (
            [subset("10.1.0.1", unready=("10.1.0.2",))],
            [("IPv4", [(["10.1.0.1"], READY), (["10.1.0.2"], UNREADY)], [80])],
        ),
        (
            [subset("10.1.0.1", "fd00::1")],
            [
                ("IPv4", [(["10.1.0.1"], READY)], [80]),
                ("IPv6", [(["fd00::1"], READY)], [80]),
            ],
        ),
        # Subsets that say the same become one.
        (
            [subset("10.1.0.1"), subset("10.1.0.2")],
            [("IPv4", [(["10.1.0.1"], READY), (["10.1.0.2"], READY)], [80])],
        ),
        ([subset("10.1.0.1", ports=())], [("IPv4", [(["10.1.0.1"], READY)], [])]),
    ],
)
def test_every_subset_and_family_has_a_slice(subsets: list[Object], expected: Object) -> None:
    assert shown(mirror(endpoints(*subsets), []).plan.create) == expected


def test_what_is_mirrored_already_is_left_alone() -> None:
    given = endpoints(subset("10.1.0.1", "10.1.0.2", "fd00::1"))
    existing = settled(given)
    for document in existing:
        document["endpoints"].reverse()
    assert mirror(given, existing).plan == SlicePlan()


@pytest.mark.parametrize(
    "changed",
    [
        endpoints(subset("10.1.0.2")),
        endpoints(subset("10.1.0.1", ports=({"port": 81, "protocol": "TCP"},))),
        endpoints(subset("10.1.0.1"), labels={"a": "b"}),
        endpoints(subset("10.1.0.1"), annotations={"a": "b"}),
        endpoints(subset("10.1.0.1"), uid="again"),
    ],
)
def test_a_change_updates_the_slice(changed: Object) -> None:
    before = endpoints(subset("10.1.0.1"))
    there = mirror(changed, settled(before)).plan
    assert (there.create, len(there.update), there.delete) == ([], 1, [])
    assert there.update == settled(changed)
    back = mirror(before, there.update).plan
    assert back == SlicePlan(update=settled(before))


def test_slices_of_what_is_gone_go() -> None:
    existing = settled(endpoints(subset("10.1.0.1", "fd00::1")))
    found = mirror(endpoints(subset("10.1.0.1")), existing).plan
    assert found == SlicePlan(delete=[existing[1]])
    doubled = [*existing, with_metadata(existing[0], name="other")]
    found = mirror(endpoints(subset("10.1.0.1", "fd00::1")), doubled).plan
    assert found == SlicePlan(delete=[doubled[2]])


def test_a_slice_holds_so_many_addresses() -> None:
    many = [f"10.1.{number // 256}.{number % 256}" for number in range(MAX_ENDPOINTS + 2)]
    found = mirror(endpoints(subset(*many, unready=("10.2.0.1",))), [])
    (document,) = found.plan.create
    assert (len(document["endpoints"]), found.too_many, found.invalid) == (MAX_ENDPOINTS, 3, 0)


def test_an_address_that_is_none_is_left_out() -> None:
    found = mirror(endpoints(subset("10.1.0.1", "none")), [])
    assert shown(found.plan.create) == [("IPv4", [(["10.1.0.1"], READY)], [80])]
    assert (found.too_many, found.invalid) == (0, 1)


def test_endpoints_that_are_being_deleted_get_no_new_slice() -> None:
    given = endpoints(subset("10.1.0.1"), deletionTimestamp="now")
    assert mirror(given, []).plan == SlicePlan()
