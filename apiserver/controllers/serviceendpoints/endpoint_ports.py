"""The ports of a Service on its Pods. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from apiserver.controllers.serviceendpoints.endpoint_pods import EndpointPod
from apiserver.machinery.objects import Object

#: Identifies a set of ports, in whichever order they are.
PortKey: TypeAlias = tuple[tuple[str, ...], ...]

_HEADLESS = "None"


def endpoint_ports(spec: Mapping[str, Any], pod: EndpointPod) -> list[Object]:
    """Return the ports of a Service on a Pod, with ``name``, ``port`` and ``protocol``.

    A port whose name no container of the Pod declares is left out.
    """
    found = []
    for port in spec.get("ports") or ():
        number = _target(port, pod)
        if number:
            found.append(_endpoint_port(port, number))
    return found


def has_named_targets(spec: Mapping[str, Any]) -> bool:
    """Return whether the ports of a Service may differ between its Pods."""
    return any(isinstance(port.get("targetPort"), str) for port in spec.get("ports") or ())


def port_key(ports: Iterable[Mapping[str, Any]]) -> PortKey:
    """Return the key of a set of ports."""
    return tuple(
        sorted(
            (
                str(port.get("name") or ""),
                str(port.get("port", "")),
                str(port.get("protocol", "")),
                str(port.get("appProtocol") or ""),
            )
            for port in ports
        )
    )


def is_headless(spec: Mapping[str, Any]) -> bool:
    """Return whether a Service has no cluster IP."""
    return spec.get("clusterIP", "") in ("", _HEADLESS)


def families_of(spec: Mapping[str, Any]) -> Sequence[str]:
    """Return the IP families of a Service; an old headless one may be of both."""
    families: Sequence[str] = spec.get("ipFamilies") or ()
    if families:
        return families
    if is_headless(spec):
        return ("IPv4", "IPv6")
    return ("IPv6",) if ":" in spec["clusterIP"] else ("IPv4",)


def _target(port: Mapping[str, Any], pod: EndpointPod) -> int:
    target = port.get("targetPort") or port["port"]
    if not isinstance(target, str):
        return int(target)
    protocol = port.get("protocol", "TCP")
    return next((number for name, of, number in pod.ports if name == target and of == protocol), 0)


def _endpoint_port(port: Mapping[str, Any], number: int) -> Object:
    found = {
        "name": port.get("name", ""),
        "port": number,
        "protocol": port.get("protocol", "TCP"),
    }
    if port.get("appProtocol") is not None:
        found["appProtocol"] = port["appProtocol"]
    return found
