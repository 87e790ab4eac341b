"""Objects that every cluster contains, from its namespaces to the Service of the API.

Several servers may start on an empty store at once, and clients may delete these objects. They are
created if missing, at the start and periodically after it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import field
from dataclasses import replace as replace_fields
from typing import Final

from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.times import now
from apiserver.machinery.users import SYSTEM_USER
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.context import RequestContext
from apiserver.registry.create import create_object
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from apiserver.registry.update import update_object
from apiserver.resources.allocation import ServiceRanges
from apiserver.resources.builtin.apiregistration.local import local_api_services
from apiserver.resources.builtin.flowcontrol.bootstrap import (
    bootstrap_flow_schemas,
    bootstrap_priority_levels,
)
from apiserver.resources.builtin.scheduling.priorityclasses import system_priority_classes
from storage.interface import Record

log = logging.getLogger(__name__)

NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
SERVICE_NAME: Final = "kubernetes"
SERVICE_NAMESPACE: Final = "default"
PORT_NAME: Final = "https"
_SERVICE_PORT: Final = 443
_FLOW_CONTROL: Final = "flowcontrol.apiserver.k8s.io"


@valueclass
class Endpoint:
    """The addresses of the API: the cluster IP of its Service, and the server's own.

    ``ranges`` are those that Services have their addresses and ports from.
    """

    cluster_ip: str
    address: str
    port: int
    ranges: ServiceRanges = field(default_factory=ServiceRanges)


@valueclass
class ObjectLocation:
    """The resource, namespace and name of an object."""

    resource: Resource
    namespace: str
    name: str

    @property
    def exists(self) -> bool:
        """Whether the cache has the object."""
        return self._cached() is not None

    @property
    def existing(self) -> Object | None:
        """The object as cached, ``None`` if it does not exist."""
        record = self._cached()
        # Not cached: most starts only look whether it is complete.
        return None if record is None else record.value.decoded()

    def context(self, user_agent: str = "") -> RequestContext:
        """Return the request context of the server itself."""
        return RequestContext(
            user=SYSTEM_USER, namespace=self.namespace, name=self.name, user_agent=user_agent
        )

    def _cached(self) -> Record[Stored] | None:
        return self.resource.store.get_cached(self.resource.key(self.namespace, self.name))


def locate(
    registry: Registry, api: GroupVersionResource, namespace: str, name: str
) -> ObjectLocation:
    """Return the location of an object of a built-in resource."""
    resource = registry.resource(*api)
    assert resource is not None
    return ObjectLocation(resource, namespace, name)


async def bootstrap(registry: Registry, endpoint: Endpoint) -> None:
    """Create missing objects, and restore the Service's type and ports."""
    for name in NAMESPACES:
        document = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
        where = locate(registry, GroupVersionResource("", "v1", "namespaces"), "", name)
        await ensure(where, {**document, "spec": {}, "status": {}})
    await _ensure_all(registry, "scheduling.k8s.io", "priorityclasses", system_priority_classes())
    levels, schemas = bootstrap_priority_levels(), bootstrap_flow_schemas()
    await _ensure_all(registry, _FLOW_CONTROL, "prioritylevelconfigurations", levels)
    await _ensure_all(registry, _FLOW_CONTROL, "flowschemas", schemas)
    services = local_api_services(registry.served.definitions())
    await _ensure_all(registry, "apiregistration.k8s.io", "apiservices", services)
    await _ensure_service_cidr(registry, endpoint)
    await _ensure_service(registry, endpoint)


async def _ensure_all(
    registry: Registry, group: str, plural: str, documents: Iterable[Object]
) -> None:
    api = GroupVersionResource(group, "v1", plural)
    # Concurrently: a new cluster has dozens of them, and a remote store takes milliseconds each.
    await asyncio.gather(
        *(ensure(locate(registry, api, "", name_of(each)), each) for each in documents)
    )


async def ensure(where: ObjectLocation, document: Object, user_agent: str = "") -> None:
    """Create an object unless it exists; ``user_agent`` becomes the owner of its fields."""
    if where.exists:
        return
    try:
        await create_object(where.resource, where.context(user_agent), document, WriteOptions())
    except StatusError:
        # Another server may have created the object, or one that claims the same cluster IP.
        await where.resource.store.get(where.resource.key(where.namespace, where.name))
        if not where.exists:
            raise


async def replace(where: ObjectLocation, document: Object) -> None:
    """Create an object, or update the existing one and keep its metadata."""
    existing = where.existing
    if existing is None:
        await ensure(where, document)
        return
    kept = _of_any_version(existing)
    metadata = dict(kept["metadata"])
    metadata["labels"] = {**metadata.get("labels", {}), **document["metadata"].get("labels", {})}
    desired = {**document, "metadata": metadata}
    # Nearly always: then a server need not know how such objects are written.
    if desired == kept:
        return
    await update_object(where.resource, where.context(), desired, WriteOptions())


async def _ensure_service_cidr(registry: Registry, endpoint: Endpoint) -> None:
    where = locate(
        registry,
        GroupVersionResource("networking.k8s.io", "v1", "servicecidrs"),
        "",
        SERVICE_NAME,
    )
    document = {
        "kind": "ServiceCIDR",
        "apiVersion": "networking.k8s.io/v1",
        "metadata": {"name": SERVICE_NAME},
        "spec": {"cidrs": list(endpoint.ranges.cluster_ips)},
    }
    await ensure(where, document)
    existing = where.resource.store.get_newest_known(where.resource.key("", SERVICE_NAME))
    if existing is None or (existing.value.object.get("status") or {}).get("conditions"):
        return
    ready = {
        "type": "Ready",
        "status": "True",
        "lastTransitionTime": now(),
        "reason": "",
        "message": "Kubernetes default Service CIDR is ready",
    }
    desired = {**_of_any_version(existing.value.object), "status": {"conditions": [ready]}}
    context = replace_fields(where.context(), subresource="status")
    await update_object(where.resource, context, desired, WriteOptions())


async def _ensure_service(registry: Registry, endpoint: Endpoint) -> None:
    where = locate(
        registry, GroupVersionResource("", "v1", "services"), SERVICE_NAMESPACE, SERVICE_NAME
    )
    existing = where.existing
    if existing is None:
        await ensure(where, _service(endpoint))
        return
    spec = existing["spec"]
    if spec.get("type") == "ClusterIP" and spec.get("ports") == [_port(endpoint)]:
        return
    wanted = {**spec, "type": "ClusterIP", "ports": [_port(endpoint)]}
    desired = {**_of_any_version(existing), "spec": wanted}
    await update_object(where.resource, where.context(), desired, WriteOptions())


def _of_any_version(existing: Object) -> Object:
    """Return an object without its version: another server may change it at the same time."""
    metadata = {
        name: value for name, value in existing["metadata"].items() if name != "resourceVersion"
    }
    return {**existing, "metadata": metadata}


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
