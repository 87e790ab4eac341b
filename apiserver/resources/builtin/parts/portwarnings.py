"""Ports of a Pod that get in each other's way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from apiserver.machinery.quoting import quote
from apiserver.resources.builtin.parts.podresources import is_restartable
from apiserver.resources.builtin.parts.windows import containers_with_paths

Port = Mapping[str, Any]


def warnings_for_ports(spec: Mapping[str, Any], path: str) -> list[str]:
    """Return what to say of ports that two containers, or one of them twice, claim."""
    found = list(_all_ports(spec, path))
    if not found:
        return []
    warnings: list[str] = []
    seen: dict[tuple[int, str], list[tuple[Port, str]]] = {}
    for port, where in found:
        if port.get("hostIP") and not port.get("hostPort"):
            warnings.append(f"{where}: hostIP set without hostPort: {_shown(port)}")
        others = seen.setdefault((port["containerPort"], port.get("protocol", "")), [])
        warnings += [
            f"{where}: {clash} with {place}"
            for other, place in others
            if (clash := _clash(port, other))
        ]
        others.append((port, where))
    return warnings + _same_names(spec, path)


def _all_ports(spec: Mapping[str, Any], path: str) -> Iterator[tuple[Port, str]]:
    for container, place in containers_with_paths(spec, path):
        for index, port in enumerate(container.get("ports") or ()):
            yield port, f"{place}.ports[{index}]"


def _clash(port: Port, other: Port) -> str:
    host, host_ip = port.get("hostPort", 0), port.get("hostIP", "")
    other_host, other_ip = other.get("hostPort", 0), other.get("hostIP", "")
    if (host, host_ip) == (other_host, other_ip):
        return "duplicate port definition"
    if not host or not other_host:
        return "overlapping port definition"
    if host == other_host and bool(host_ip) != bool(other_ip):
        return "dangerously ambiguous port definition"
    return ""


def _shown(port: Port) -> str:
    # As Go prints a struct.
    members = ("name", "hostPort", "containerPort", "protocol", "hostIP")
    zeros = ("", 0, 0, "", "")
    shown = (
        f"{member[:1].upper()}{member[1:]}:{port.get(member, zero)}"
        for member, zero in zip(members, zeros, strict=True)
    )
    return f"{{{' '.join(shown)}}}"


def _same_names(spec: Mapping[str, Any], path: str) -> list[str]:
    warnings = []
    first: dict[str, tuple[str, str]] = {}
    for container, place in containers_with_paths(spec, path):
        if ".initContainers[" in place and not is_restartable(container):
            continue
        for index, port in enumerate(container.get("ports") or ()):
            name, where = port.get("name"), f"{place}.ports[{index}]"
            if not name:
                continue
            owner, known = first.setdefault(name, (place, where))
            if owner != place:
                warnings.append(
                    f"{where}: duplicate port name {quote(name)} with {known}, services and probes "
                    f"that select ports by name will use {known}"
                )
    return warnings
