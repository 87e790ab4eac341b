"""Warnings about conflicting ports of a Pod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import merge
from typing import Any, TypeAlias

from apiserver.machinery.quoting import quote
from apiserver.machinery.warnings import limited
from apiserver.resources.builtin.parts.podresources import is_restartable
from apiserver.resources.builtin.parts.windows import containers_with_paths

Port = Mapping[str, Any]
#: What a port claims of the host: its number there, 0 for none, and the address.
Claim: TypeAlias = tuple[int, str]


def warnings_for_ports(spec: Mapping[str, Any], path: str) -> list[str]:
    """Return the warnings for ports that are claimed more than once."""
    ports = [port for port, _ in _all_ports(spec, path)]
    if len(ports) < 2 and not any("hostIP" in port for port in ports):
        return []
    return limited(_clashes(spec, path)) + _same_names(spec, path)


def _clashes(spec: Mapping[str, Any], path: str) -> Iterator[str]:
    seen: dict[tuple[int, str], _Claims] = {}
    for port, where in _all_ports(spec, path):
        if port.get("hostIP") and not port.get("hostPort"):
            yield f"{where}: hostIP set without hostPort: {_shown(port)}"
        claim = port.get("hostPort", 0), port.get("hostIP", "")
        others = seen.setdefault((port["containerPort"], port.get("protocol", "")), _Claims())
        for clash, place in others.against(claim):
            yield f"{where}: {clash} with {place}"
        others.add(claim, where)


def _all_ports(spec: Mapping[str, Any], path: str) -> Iterator[tuple[Port, str]]:
    for container, place in containers_with_paths(spec, path):
        for index, port in enumerate(container.get("ports") or ()):
            yield port, f"{place}.ports[{index}]"


class _Claims:
    """The claims of one port of a Pod, indexed by what they conflict with."""

    def __init__(self) -> None:
        self._places: list[str] = []
        self._all: list[tuple[int, Claim]] = []
        self._by_host: dict[int, list[tuple[int, Claim]]] = {}
        self._by_claim: dict[Claim, list[tuple[int, Claim]]] = {}

    def add(self, claim: Claim, place: str) -> None:
        """Note a claim, made at ``place``."""
        entry = (len(self._places), claim)
        self._places.append(place)
        self._all.append(entry)
        self._by_host.setdefault(claim[0], []).append(entry)
        self._by_claim.setdefault(claim, []).append(entry)

    def against(self, claim: Claim) -> Iterator[tuple[str, str]]:
        """Yield the conflicts of earlier claims with this one, in order, and their places."""
        for index, other in self._conflicting(claim):
            yield _clash(claim, other), self._places[index]

    def _conflicting(self, claim: Claim) -> Iterator[tuple[int, Claim]]:
        host, address = claim
        if not host:
            return iter(self._all)
        anywhere = self._by_host.get(0, [])
        if not address:
            # All addresses of the host, so each of them.
            return merge(anywhere, self._by_host.get(host, []))
        same = (self._by_claim.get((host, it), []) for it in (address, ""))
        return merge(anywhere, *same)


def _clash(claim: Claim, other: Claim) -> str:
    if claim == other:
        return "duplicate port definition"
    if not claim[0] or not other[0]:
        return "overlapping port definition"
    return "dangerously ambiguous port definition"


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
