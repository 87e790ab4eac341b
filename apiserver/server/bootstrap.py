"""What a new cluster contains: the system's namespaces and the Service of the API itself."""

from __future__ import annotations

from dataclasses import dataclass

from apiserver.machinery.errors import AlreadyExists
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.users import UserInfo
from apiserver.registry.context import RequestContext
from apiserver.registry.create import create_object
from apiserver.registry.registry import Registry

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_SYSTEM = UserInfo("system:apiserver", groups=("system:masters",))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the API is served: the address inside the cluster and the real one."""

    cluster_ip: str
    address: str
    port: int


async def bootstrap(registry: Registry, endpoint: Endpoint) -> None:
    """Create what is missing; several servers may do so at once."""
    for name in NAMESPACES:
        document = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
        await _create(registry, "namespaces", "", {**document, "spec": {}, "status": {}})
    await _create(registry, "services", "default", _service(endpoint))


async def _create(registry: Registry, plural: str, namespace: str, document: Object) -> None:
    resource = registry.resource("", "v1", plural)
    assert resource is not None
    name = document["metadata"]["name"]
    if resource.store.peek(resource.key(namespace, name)) is not None:
        return
    context = RequestContext(user=_SYSTEM, namespace=namespace, name=name)
    try:
        await create_object(resource, context, document, WriteOptions())
    except AlreadyExists:
        return


def _service(endpoint: Endpoint) -> Object:
    port = {
        "name": "https",
        "protocol": "TCP",
        "port": 443,
        "targetPort": endpoint.port,
    }
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "ports": [port],
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
