"""The addresses of Services that webhooks are named by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.registry.service_resolver import ServiceEndpointResolver

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
        return self._slices


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
        (
            _CLUSTER_IP,
            [endpoint_slice({"addresses": ["10.1.0.1"]}, service="other")],
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
def test_addresses(spec: Object, slices: list[Object], found: tuple[str, int]) -> None:
    resolver = ServiceEndpointResolver(Objects(spec, slices))
    assert resolver.resolve("tests", "hook", 443) == found


@pytest.mark.parametrize(
    ("spec", "port", "message"),
    [
        (None, 443, 'service "hook" not found'),
        (_CLUSTER_IP, 8443, 'no service port 8443 found for service "hook"'),
        ({**_CLUSTER_IP, "clusterIP": "None"}, 443, 'no endpoints available for service "hook"'),
    ],
)
def test_services_without_an_address(spec: Object | None, port: int, message: str) -> None:
    with pytest.raises(OSError, match=message):
        ServiceEndpointResolver(Objects(spec, [])).resolve("tests", "hook", port)
