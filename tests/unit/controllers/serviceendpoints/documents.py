"""Services, Pods and slices for tests of endpoints."""

from __future__ import annotations

from typing import Any

from apiserver.controllers.serviceendpoints.endpoint_pods import EndpointPod, endpoint_pod
from apiserver.machinery.objects import Object

NODE = "node"
ZONES = {NODE: "zone", "elsewhere": ""}


def service(*ports: Object, metadata: Object | None = None, **spec: Any) -> Object:
    """Return a Service of IPv4 that selects Pods of the application web, with port 80."""
    return {
        "metadata": {
            "name": "s",
            "namespace": "n",
            "uid": "u",
            "creationTimestamp": at(0),
            **(metadata or {}),
        },
        "spec": {
            "clusterIP": "10.0.0.1",
            "ipFamilies": ["IPv4"],
            "selector": {"app": "web"},
            "ports": list(ports or [port()]),
            **spec,
        },
    }


def port(name: str = "", number: int = 80, target: int | str = 8080, **members: Any) -> Object:
    """Return a port of a Service."""
    named = {"name": name} if name else {}
    return {**named, "port": number, "targetPort": target, "protocol": "TCP", **members}


def pod_document(name: str, *ips: str, ready: bool = True, **members: Any) -> Object:
    """Return a Pod that runs on a node; ``members`` are those of its spec and ``deleted``."""
    deleted = {"deletionTimestamp": at(9)} if members.pop("deleted", False) else {}
    labels = members.pop("labels", {"app": "web"})
    since = members.pop("since", at(1))
    phase = members.pop("phase", "Running")
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": since}
    return {
        "metadata": {
            "name": name,
            "namespace": "n",
            "uid": f"uid of {name}",
            "labels": labels,
            **deleted,
        },
        "spec": {"nodeName": NODE, "containers": [{"name": "c", "image": "i"}], **members},
        "status": {
            "phase": phase,
            "podIPs": [{"ip": ip} for ip in ips],
            "conditions": [condition],
        },
    }


def pod(name: str, *ips: str, ready: bool = True, **members: Any) -> EndpointPod:
    """Return what endpoints depend on in such a Pod."""
    found = endpoint_pod(pod_document(name, *(ips or ("10.1.0.1",)), ready=ready, **members))
    assert found is not None
    return found


def pods(count: int) -> list[EndpointPod]:
    """Return ready Pods with addresses of their own."""
    return [pod(f"p{number:05}", f"10.1.{number // 256}.{number % 256}") for number in range(count)]


def at(second: int) -> str:
    """Return a time."""
    return f"2026-01-01T00:00:{second:02}Z"
