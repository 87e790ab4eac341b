"""EndpointPod: what Endpoints and EndpointSlices depend on in a Pod. Pure.

A Pod without an IP address, or in a terminal phase, is no endpoint. Of the others few members
matter, so that they can be kept in memory for all Pods, and most changes of a Pod change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.builtin.parts.addresses import parse_ip

_TERMINAL: Final = ("Failed", "Succeeded")
_NO_LABELS: Final[Mapping[str, str]] = {}

#: Name, protocol and number of a container port.
NamedPort = tuple[str, str, int]


@valueclass
class EndpointPod:
    """A Pod that can be an endpoint.

    ``ips`` are in canonical form. ``ready_since`` is the time of the last transition of the
    condition Ready, ``""`` without one. ``ports`` are the named ports of its containers, sidecars
    last. Absent texts are ``""``.
    """

    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    ips: tuple[str, ...]
    ready: bool
    terminating: bool
    ready_since: str
    node: str
    hostname: str
    subdomain: str
    ports: tuple[NamedPort, ...]

    def address(self, family: str) -> str:
        """Return the first address of ``IPv4`` or ``IPv6``, ``""`` if there is none."""
        return next((ip for ip in self.ips if family_of(ip) == family), "")

    @property
    def reference(self) -> Object:
        """The ObjectReference that names the Pod."""
        return {"kind": "Pod", "namespace": self.namespace, "name": self.name, "uid": self.uid}


def family_of(ip: str) -> str:
    """Return the IP family of an address in canonical form."""
    return "IPv6" if ":" in ip else "IPv4"


def endpoint_pod(pod: Object) -> EndpointPod | None:
    """Return what endpoints depend on; ``None`` if the Pod is no endpoint."""
    status = pod.get("status") or {}
    ips = _addresses(status)
    if not ips or status.get("phase") in _TERMINAL:
        return None
    metadata, spec = pod["metadata"], pod["spec"]
    ready, since = _readiness(status)
    return EndpointPod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        labels=metadata.get("labels") or _NO_LABELS,
        ips=ips,
        ready=ready,
        terminating="deletionTimestamp" in metadata,
        ready_since=since,
        node=spec.get("nodeName", ""),
        hostname=spec.get("hostname", ""),
        subdomain=spec.get("subdomain", ""),
        ports=tuple(_named_ports(spec)),
    )


def _addresses(status: Mapping[str, Any]) -> tuple[str, ...]:
    texts = [each.get("ip", "") for each in status.get("podIPs") or ()]
    if not texts and status.get("podIP"):
        texts = [status["podIP"]]
    return tuple(str(parsed) for text in texts if (parsed := parse_ip(text)) is not None)


def _readiness(status: Mapping[str, Any]) -> tuple[bool, str]:
    for condition in status.get("conditions") or ():
        if condition["type"] == "Ready":
            return condition["status"] == "True", condition.get("lastTransitionTime") or ""
    return False, ""


def _named_ports(spec: Mapping[str, Any]) -> Iterator[NamedPort]:
    containers = list(spec.get("containers") or ())
    # A sidecar is an init container that is always restarted (KEP-753).
    containers += [
        each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"
    ]
    for container in containers:
        for port in container.get("ports") or ():
            if port.get("name"):
                yield port["name"], port.get("protocol", "TCP"), port["containerPort"]
