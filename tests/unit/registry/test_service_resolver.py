"""The addresses of Services that webhooks are named by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import list_options
from apiserver.registry.list import list_objects
from apiserver.registry.service_resolver import ServiceEndpointResolver, service_resolver
from tests.unit.cluster import NAMESPACES, create, named, registry_in_memory

SLICES = GroupVersionResource("discovery.k8s.io", "v1", "endpointslices")
_CLUSTER_IP = {"clusterIP": "10.0.0.7", "ports": [{"port": 443, "name": "https"}]}


def endpoint_slice(*endpoints: Object, service: str = "hook", **members: Any) -> Object:
    return {
        "metadata": {"name": "s", "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "ports": [{"name": "https", "port": 8443}, {"name": "http", "port": 80}],
        "endpoints": list(endpoints),
        **members,
    }


class Objects:
    """A reader of one Service and some EndpointSlices."""

    def __init__(self, spec: Object | None, slices: Iterable[Object]) -> None:
        self._spec = spec
        self._slices = slices

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        return None if self._spec is None else {"metadata": {"name": name}, "spec": self._spec}

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        raise NotImplementedError

    async def list_slices(self, namespace: str, name: str) -> Iterable[Object]:
        return self._slices


def resolver_of(spec: Object | None, slices: Iterable[Object] = ()) -> ServiceEndpointResolver:
    objects = Objects(spec, slices)
    return ServiceEndpointResolver(objects, objects.list_slices)


@pytest.mark.parametrize(
    ("spec", "slices", "found"),
    [
        (_CLUSTER_IP, [], ("10.0.0.7", 443)),
        (_CLUSTER_IP, [endpoint_slice({"addresses": ["10.1.0.1"]})], ("10.1.0.1", 8443)),
        (
            _CLUSTER_IP,
            [endpoint_slice({"addresses": ["10.1.0.1"], "conditions": {"ready": False}})],
            ("10.0.0.7", 443),
        ),
        (_CLUSTER_IP, [endpoint_slice({"addresses": ["127.0.0.1"]})], ("10.0.0.7", 443)),
        (
            _CLUSTER_IP,
            [endpoint_slice({"addresses": ["a.b"]}, addressType="FQDN")],
            ("10.0.0.7", 443),
        ),
        ({"type": "ExternalName", "externalName": "a.b"}, [], ("a.b", 443)),
    ],
)
async def test_addresses(spec: Object, slices: list[Object], found: tuple[str, int]) -> None:
    assert await resolver_of(spec, slices).resolve("tests", "hook", 443) == found


@pytest.mark.parametrize(
    ("spec", "port", "message"),
    [
        (None, 443, 'service "hook" not found'),
        (_CLUSTER_IP, 8443, 'no service port 8443 found for service "hook"'),
        ({**_CLUSTER_IP, "clusterIP": "None"}, 443, 'no endpoints available for service "hook"'),
    ],
)
async def test_services_without_an_address(spec: Object | None, port: int, message: str) -> None:
    with pytest.raises(OSError, match=message):
        await resolver_of(spec).resolve("tests", "hook", port)


async def test_only_the_slices_of_the_service_are_read() -> None:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("tests"))
        for index in range(3):
            for name in "hook", "other":
                document = endpoint_slice(
                    {"addresses": [f"10.1.{name == 'other':d}.{index + 1}"]}, service=name
                )
                document["metadata"] |= {"name": f"{name}-{index}", "namespace": "tests"}
                await create(registry, SLICES, document)
        found = registry.resource(*SLICES)
        assert found is not None
        # A list without a version waits until the cache has what was written.
        await list_objects(found, "tests", list_options({}))
        slices = await service_resolver(registry).list_slices("tests", "hook")
        assert [each["metadata"]["name"] for each in slices] == ["hook-0", "hook-1", "hook-2"]
