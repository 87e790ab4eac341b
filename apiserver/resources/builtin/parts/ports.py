"""Ports of containers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
)
from apiserver.resources.builtin.parts.names import port_name_problems, port_number_problems

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_USUAL: Final = frozenset(PROTOCOLS)


def default_ports(ports: list[dict[str, Any]]) -> None:
    """Fill in the protocol of each port."""
    for port in ports:
        if not port.get("protocol"):
            port["protocol"] = "TCP"


def validate_ports(ports: list[dict[str, Any]], path: str) -> list[FieldError]:
    """Validate the ports of one container."""
    errors: list[FieldError] = []
    names: set[str] = set()
    for index, port in enumerate(ports):
        name, number, host = port.get("name"), port["containerPort"], port.get("hostPort")
        if name:
            problems = port_name_problems(name)
            where = f"{path}[{index}].name"
            errors += [invalid(where, name, problem) for problem in problems]
            if not problems and name in names:
                errors.append(duplicate(where, name))
            elif not problems:
                names.add(name)
        if not 1 <= number <= 65535:
            errors += _number(number, f"{path}[{index}].containerPort")
        if host:
            where = f"{path}[{index}].hostPort"
            errors += [invalid(where, host, problem) for problem in port_number_problems(host)]
        protocol = port.get("protocol", "")
        if protocol not in _USUAL:
            where = f"{path}[{index}].protocol"
            errors.append(
                not_supported(where, protocol, PROTOCOLS) if protocol else required(where)
            )
    return errors


def _number(number: int, path: str) -> list[FieldError]:
    if number == 0:
        return [required(path)]
    return [invalid(path, number, problem) for problem in port_number_problems(number)]


def validate_host_ports(
    containers: Iterable[tuple[int, dict[str, Any]]], path: str
) -> list[FieldError]:
    """Reject host ports that two of these containers request."""
    errors: list[FieldError] = []
    taken: set[str] = set()
    for index, container in containers:
        for number, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort")
            if not host:
                continue
            claim = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{host}"
            if claim in taken:
                errors.append(duplicate(f"{path}[{index}].ports[{number}].hostPort", claim))
            taken.add(claim)
    return errors
