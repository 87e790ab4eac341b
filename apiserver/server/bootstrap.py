"""What every cluster contains, from its namespaces to the Service of the API itself.

Several servers may start on an empty store at once, and a client may delete what is made here. So
it is made where it is missing, at the start and every few seconds after.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.users import SYSTEM_USER
from apiserver.registry.context import RequestContext
from apiserver.registry.create import create_object
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource
from apiserver.registry.update import update_object
from apiserver.resources.builtin.apiregistration.local import local_api_services
from apiserver.resources.builtin.flowcontrol.bootstrap import (
    bootstrap_flow_schemas,
    bootstrap_priority_levels,
)
from apiserver.resources.builtin.scheduling.priorityclasses import system_priority_classes

log = logging.getLogger(__name__)

NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
SERVICE_NAME: Final = "kubernetes"
SERVICE_NAMESPACE: Final = "default"
PORT_NAME: Final = "https"
_SERVICE_PORT: Final = 443
_FLOW_CONTROL: Final = "flowcontrol.apiserver.k8s.io"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the API is served: the address inside the cluster and the real one."""

    cluster_ip: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """Where an object is: its resource and its name, there and in its namespace."""

    resource: Resource
    namespace: str
    name: str

    @property
    def existing(self) -> Object | None:
        """The object as it is in memory, ``None`` where there is none."""
        record = self.resource.store.peek(self.resource.key(self.namespace, self.name))
        return None if record is None else record.value.object

    def context(self) -> RequestContext:
        """Return a request of the server itself."""
        return RequestContext(user=SYSTEM_USER, namespace=self.namespace, name=self.name)


def locate(
    registry: Registry, api: tuple[str, str, str], namespace: str, name: str
) -> ObjectLocation:
    """Return where an object of a built-in resource is; ``api`` is group, version and resource."""
    resource = registry.resource(*api)
    assert resource is not None
    return ObjectLocation(resource, namespace, name)


async def bootstrap(registry: Registry, endpoint: Endpoint) -> None:
    """Create what is missing, and bring the Service back to what it must be."""
    for name in NAMESPACES:
        document = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
        where = locate(registry, ("", "v1", "namespaces"), "", name)
        await ensure(where, {**document, "spec": {}, "status": {}})
    await _ensure_all(registry, "scheduling.k8s.io", "priorityclasses", system_priority_classes())
    levels, schemas = bootstrap_priority_levels(), bootstrap_flow_schemas()
    await _ensure_all(registry, _FLOW_CONTROL, "prioritylevelconfigurations", levels)
    await _ensure_all(registry, _FLOW_CONTROL, "flowschemas", schemas)
    services = local_api_services(registry.catalog.definitions())
    await _ensure_all(registry, "apiregistration.k8s.io", "apiservices", services)
    await _ensure_service(registry, endpoint)


async def _ensure_all(
    registry: Registry, group: str, plural: str, documents: Iterable[Object]
) -> None:
    api = (group, "v1", plural)
    # At once: a new cluster has dozens of them, and a store far away answers in milliseconds.
    await asyncio.gather(
        *(ensure(locate(registry, api, "", name_of(each)), each) for each in documents)
    )


async def ensure(where: ObjectLocation, document: Object) -> None:
    """Create an object unless it is there."""
    if where.existing is not None:
        return
    try:
        await create_object(where.resource, where.context(), document, WriteOptions())
    except StatusError:
        # Another server may have been faster: with this object, or with what it claims.
        await where.resource.store.get(where.resource.key(where.namespace, where.name))
        if where.existing is None:
            raise


async def replace(where: ObjectLocation, document: Object) -> None:
    """Create an object, or make the one that is there the same; its metadata stay."""
    existing = where.existing
    if existing is None:
        await ensure(where, document)
        return
    metadata = {**existing["metadata"]}
    metadata.pop("resourceVersion", None)
    metadata["labels"] = {**metadata.get("labels", {}), **document["metadata"].get("labels", {})}
    desired = {**document, "metadata": metadata}
    await update_object(where.resource, where.context(), desired, WriteOptions())


async def _ensure_service(registry: Registry, endpoint: Endpoint) -> None:
    where = locate(registry, ("", "v1", "services"), SERVICE_NAMESPACE, SERVICE_NAME)
    existing = where.existing
    if existing is None:
        await ensure(where, _service(endpoint))
        return
    spec = existing["spec"]
    if spec.get("type") == "ClusterIP" and spec.get("ports") == [_port(endpoint)]:
        return
    desired = {**existing, "spec": {**spec, "type": "ClusterIP", "ports": [_port(endpoint)]}}
    metadata = {**existing["metadata"]}
    metadata.pop("resourceVersion", None)
    await update_object(
        where.resource, where.context(), {**desired, "metadata": metadata}, WriteOptions()
    )


def _port(endpoint: Endpoint) -> Object:
    return {
        "name": PORT_NAME,
        "protocol": "TCP",
        "port": _SERVICE_PORT,
        "targetPort": endpoint.port,
    }


def _service(endpoint: Endpoint) -> Object:
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {
            "name": SERVICE_NAME,
            "namespace": SERVICE_NAMESPACE,
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "ports": [_port(endpoint)],
            "clusterIP": endpoint.cluster_ip,
            "clusterIPs": [endpoint.cluster_ip],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv6" if ":" in endpoint.cluster_ip else "IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }
