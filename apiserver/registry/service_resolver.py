"""Resolves the Services of webhooks to addresses.

An endpoint of the Service that is ready is called itself, as kube-apiserver does with
``--enable-aggregator-routing``: nothing may route cluster IPs where this server runs. If there is
none, the cluster IP is called.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, TypeAlias

from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import SERVICES
from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import list_options
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.list import list_objects
from apiserver.registry.registry import Registry
from apiserver.registry.subresources.destinations import is_reachable
from storage.errors import StorageError

_SLICES: Final = GroupVersionResource("discovery.k8s.io", "v1", "endpointslices")
_SERVICE_LABEL: Final = "kubernetes.io/service-name"


#: Returns the EndpointSlices of a Service, by namespace and name. Raises OSError.
ListSlices: TypeAlias = Callable[[str, str], Awaitable[Iterable[Object]]]


@valueclass
class ServiceEndpointResolver:
    """Finds an address of a Service among the stored objects."""

    reader: Reader
    list_slices: ListSlices

    async def resolve(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        """Return a host and a port. Raises OSError with the message as its only argument."""
        service = self.reader.get(SERVICES, namespace, name)
        if service is None:
            raise OSError(f"service {quote(name)} not found")
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            return spec["externalName"], port
        port_name = _port_name(service, name, port)
        found = list(_endpoints(await self.list_slices(namespace, name), port_name))
        if found:
            return random.choice(found)  # noqa: S311
        address = spec.get("clusterIP") or "None"
        if address == "None":
            raise OSError(f"no endpoints available for service {quote(name)}")
        return address, port


def service_resolver(registry: Registry) -> ServiceEndpointResolver:
    """Return a resolver that reads from the cache, only the slices of the requested Service."""

    async def list_slices(namespace: str, name: str) -> Iterable[Object]:
        slices = registry.resource(*_SLICES)
        assert slices is not None
        selector = f"{_SERVICE_LABEL}={name}"
        options = list_options({"labelSelector": [selector], "resourceVersion": ["0"]})
        try:
            listed = await list_objects(slices, namespace, options)
            return [stored.object for stored in listed.items]
        except (StatusError, StorageError) as error:
            raise OSError(str(error)) from error

    return ServiceEndpointResolver(registry.reader, list_slices)


def _endpoints(slices: Iterable[Object], port_name: str) -> Iterator[tuple[str, int]]:
    for slice_ in slices:
        if slice_.get("addressType") == "FQDN":
            continue
        ports = [
            each["port"]
            for each in slice_.get("ports") or ()
            if (each.get("name") or "") == port_name and each.get("port")
        ]
        for endpoint in slice_.get("endpoints") or ():
            # An unknown condition counts as ready (API documentation of EndpointConditions).
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            for address in filter(is_reachable, endpoint["addresses"][:1]):
                yield from ((address, port) for port in ports)


def _port_name(service: Object, name: str, number: int) -> str:
    for port in service["spec"].get("ports") or ():
        if port["port"] == number:
            return str(port.get("name") or "")
    raise OSError(f"no service port {number} found for service {quote(name)}")
