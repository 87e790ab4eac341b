"""Updates of Services: allocated values that are kept, and values that the new type drops."""

from __future__ import annotations

from typing import Any

from apiserver.resources.builtin.core.services.addresses import normalized
from apiserver.resources.builtin.core.services.defaults import (
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT,
    is_external,
    needs_health_check,
)

Spec = dict[str, Any]


def needs_cluster_ip(spec: Spec) -> bool:
    """Return whether Services of its type have addresses within the cluster."""
    return spec.get("type") != EXTERNAL_NAME


def needs_node_ports(spec: Spec) -> bool:
    """Return whether Services of its type may have ports on all nodes."""
    return spec.get("type") in (NODE_PORT, LOAD_BALANCER)


def allocates_node_ports(spec: Spec) -> bool:
    """Return whether node ports are allocated for a Service by default."""
    if spec.get("type") == LOAD_BALANCER:
        return spec.get("allocateLoadBalancerNodePorts") is not False
    return spec.get("type") == NODE_PORT


def node_ports_of(spec: Spec) -> frozenset[int]:
    """Return the ports of a Service on all nodes, without the one of health checks."""
    ports = (port.get("nodePort") for port in spec.get("ports") or ())
    return frozenset(port for port in ports if port)


def with_allocated(spec: Spec, before: Spec) -> Spec:
    """Return ``spec`` with the addresses and ports of ``before`` that it leaves out."""
    spec = {**spec}
    if needs_cluster_ip(spec) and needs_cluster_ip(before):
        _keep_addresses(spec, before)
    if allocates_node_ports(spec) and allocates_node_ports(before) and "ports" in spec:
        spec["ports"] = _with_node_ports(spec, before)
    if needs_health_check(spec) and needs_health_check(before):
        port = spec.get("healthCheckNodePort") or before.get("healthCheckNodePort")
        if port:
            spec["healthCheckNodePort"] = port
    return normalized(spec, before)


def _keep_addresses(spec: Spec, before: Spec) -> None:
    if not spec.get("clusterIP") and before.get("clusterIP"):
        spec["clusterIP"] = before["clusterIP"]
    same = spec.get("clusterIP") == before.get("clusterIP")
    if same and not spec.get("clusterIPs") and before.get("clusterIPs"):
        spec["clusterIPs"] = before["clusterIPs"]


def _with_node_ports(spec: Spec, before: Spec) -> list[dict[str, Any]]:
    # Ports are matched by name; a node port that another new port requests is not kept.
    used = set(node_ports_of(before) & node_ports_of(spec))
    known = {port.get("name", ""): port.get("nodePort", 0) for port in before.get("ports") or ()}
    ports = []
    for port in spec.get("ports") or ():
        old = known.get(port.get("name", ""), 0)
        if not port.get("nodePort") and old and old not in used:
            port = {**port, "nodePort": old}
            used.add(old)
        ports.append(port)
    return ports


def without_unusable(spec: Spec, before: Spec) -> Spec:
    """Return ``spec`` without unchanged values that its type cannot have."""
    lost: list[str] = []
    if needs_cluster_ip(before) and not needs_cluster_ip(spec):
        if _same(spec, before, "clusterIP", "clusterIPs"):
            lost += ("clusterIP", "clusterIPs")
        lost += [name for name in ("ipFamilies", "ipFamilyPolicy") if _same(spec, before, name)]
    checks = needs_health_check(before) and not needs_health_check(spec)
    if checks and _same(spec, before, "healthCheckNodePort"):
        lost.append("healthCheckNodePort")
    if before.get("type") == LOAD_BALANCER != spec.get("type"):
        members = ("allocateLoadBalancerNodePorts", "loadBalancerClass")
        lost += [name for name in members if _same(spec, before, name)]
    external = is_external(before) and not is_external(spec)
    if external and _same(spec, before, "externalTrafficPolicy"):
        lost.append("externalTrafficPolicy")
    kept = {key: value for key, value in spec.items() if key not in lost}
    on_nodes = needs_node_ports(before) and not needs_node_ports(spec)
    if on_nodes and spec.get("ports") and node_ports_of(spec) <= node_ports_of(before):
        kept["ports"] = [
            {key: value for key, value in port.items() if key != "nodePort"}
            for port in spec["ports"]
        ]
    return kept


def _same(spec: Spec, before: Spec, *members: str) -> bool:
    return all((spec.get(name) or None) == (before.get(name) or None) for name in members)
