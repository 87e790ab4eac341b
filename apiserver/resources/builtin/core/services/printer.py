"""How ``kubectl get services`` shows them."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.resources.builtin.core.services.defaults import (
    CLUSTER_IP,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT,
)
from apiserver.resources.builtin.parts.labelselector import format_map
from apiserver.resources.printing import AGE, NAME, NONE, UNKNOWN, Column, Printer, age_of

_SPEC: Final = "api.core.v1.ServiceSpec"
COLUMNS: Final = (
    NAME,
    Column("Type", source=f"{_SPEC}.type"),
    Column("Cluster-IP", source=f"{_SPEC}.clusterIP"),
    Column("External-IP", source=f"{_SPEC}.externalIPs"),
    Column("Port(s)", source=f"{_SPEC}.ports"),
    AGE,
    Column("Selector", priority=1, source=f"{_SPEC}.selector"),
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, spec = document["metadata"], document.get("spec") or {}
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return [
        metadata.get("name", ""),
        spec.get("type", ""),
        addresses[0] or NONE,
        _external(spec, document.get("status") or {}),
        ",".join(map(_port, spec.get("ports") or ())) or NONE,
        age_of(metadata.get("creationTimestamp"), now),
        format_map(spec.get("selector")),
    ]


def _external(spec: dict[str, Any], status: dict[str, Any]) -> str:
    given = spec.get("externalIPs") or []
    match spec.get("type"):
        case t if t in (CLUSTER_IP, NODE_PORT):
            return ",".join(given) or NONE
        case t if t == LOAD_BALANCER:
            ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
            reached = {entry.get("ip") or entry.get("hostname") or "" for entry in ingress}
            return ",".join([*sorted(reached - {""}), *given]) or "<pending>"
        case t if t == EXTERNAL_NAME:
            return str(spec.get("externalName", ""))
        case _:
            return UNKNOWN


def _port(port: dict[str, Any]) -> str:
    shown, protocol = port.get("port", 0), port.get("protocol", "")
    node = port.get("nodePort", 0)
    return f"{shown}:{node}/{protocol}" if node > 0 else f"{shown}/{protocol}"


PRINTER: Final = Printer(COLUMNS, _cells)
