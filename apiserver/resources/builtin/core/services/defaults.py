"""The defaults of a Service, which depend on its type."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.objects import Object

CLUSTER_IP: Final = "ClusterIP"
NODE_PORT: Final = "NodePort"
LOAD_BALANCER: Final = "LoadBalancer"
EXTERNAL_NAME: Final = "ExternalName"
HEADLESS: Final = "None"
CLIENT_IP: Final = "ClientIP"
NO_AFFINITY: Final = "None"
_THREE_HOURS: Final = 10800


def default_service(document: Object) -> None:
    """Fill in, in place, what a client left out."""
    spec = document["spec"]
    _default_affinity(spec)
    spec.setdefault("type", CLUSTER_IP)
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if is_external(spec):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] in (CLUSTER_IP, NODE_PORT, LOAD_BALANCER):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == LOAD_BALANCER:
        spec.setdefault("allocateLoadBalancerNodePorts", True)
        balancer = (document.get("status") or {}).get("loadBalancer") or {}
        for ingress in balancer.get("ingress") or ():
            if ingress.get("ip"):
                ingress.setdefault("ipMode", "VIP")


def is_external(spec: dict[str, Any]) -> bool:
    """Return whether a Service is reached from outside of the cluster."""
    if spec.get("type") in (LOAD_BALANCER, NODE_PORT):
        return True
    return spec.get("type") == CLUSTER_IP and bool(spec.get("externalIPs"))


def is_headless(spec: dict[str, Any]) -> bool:
    """Return whether a Service has no address of its own."""
    addresses: list[str] = spec.get("clusterIPs") or []
    return addresses == [HEADLESS] or (not addresses and spec.get("clusterIP") == HEADLESS)


def needs_health_check(spec: dict[str, Any]) -> bool:
    """Return whether a load balancer asks the nodes whether they serve the Service."""
    return spec.get("type") == LOAD_BALANCER and spec.get("externalTrafficPolicy") == "Local"


def _default_affinity(spec: dict[str, Any]) -> None:
    affinity = spec.setdefault("sessionAffinity", NO_AFFINITY)
    if affinity == NO_AFFINITY:
        spec.pop("sessionAffinityConfig", None)
    elif affinity == CLIENT_IP:
        config = spec.get("sessionAffinityConfig") or {}
        if (config.get("clientIP") or {}).get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": _THREE_HOURS}}
