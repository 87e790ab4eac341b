"""Node ports: their allocation for a Service."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from apiserver.machinery.errors import InternalError, UnknownError
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.resources.allocation import AllocationView
from apiserver.resources.builtin.core.services.clusterips import free_number
from apiserver.resources.builtin.core.services.defaults import needs_health_check
from apiserver.resources.builtin.core.services.transitions import (
    allocates_node_ports,
    needs_node_ports,
    node_ports_of,
)

Spec = dict[str, Any]

TAKEN: Final = "provided port is already allocated"
_FULL: Final = "range is full"
_MIN_STATIC: Final = 16
_MAX_STATIC: Final = 128
#: What the ports of a dry run follow.
_NO_PORT: Final = 32768


class PortOperation:
    """The ports that one write takes and frees; what it frees can be taken by the next one."""

    def __init__(self, view: AllocationView) -> None:
        self._range = view.ranges.node_ports
        self._view = view
        self._dry_run = view.dry_run
        self.taken: set[int] = set()
        self.freed: set[int] = set()

    def take(self, port: int) -> str:
        """Take a port; return why it cannot be taken, an empty text if it was."""
        known = port in self._range
        if not known and not self._dry_run:
            ends = f"{self._range.start}-{self._range.stop - 1}"
            return f"provided port is not in the valid range. The range of valid ports is {ends}"
        if port in self.taken or (known and self._is_taken(port)):
            return TAKEN
        self.taken.add(port)
        return ""

    def take_any(self) -> int | None:
        """Take any port that is free, of the upper band while there is one.

        A dry run takes none: what it shows is no node port, as in Kubernetes.
        """
        ports = self._range
        if self._dry_run:
            shown = max(self.taken, default=_NO_PORT) + 1
            self.taken.add(shown)
            return shown
        middle = ports.start + static_size(ports)
        for low, high in ((middle, ports.stop - 1), (ports.start, middle - 1)):
            port = free_number(low, high, self._is_taken)
            if port is not None:
                self.taken.add(port)
                return port
        return None

    @cached_property
    def _bits(self) -> int:
        return self._view.taken_ports()

    def _is_taken(self, port: int) -> bool:
        return port in self.taken or bool(self._bits >> (port - self._range.start) & 1)


def static_size(ports: range) -> int:
    """Return the size of the lower band, which is reserved for explicit requests."""
    if len(ports) <= _MIN_STATIC:
        return 0
    return min(max(_MIN_STATIC, len(ports) // 32), _MAX_STATIC)


def allocate_ports(spec: Spec, before: Spec | None, ports: PortOperation) -> list[FieldError]:
    """Fill in, in place, the node ports that a Service lacks; return the errors.

    Raises InternalError where the range is full, or the health check port cannot be allocated.
    """
    errors: list[FieldError] = []
    if needs_node_ports(spec):
        spec["ports"] = [{**port} for port in spec.get("ports") or ()]
        errors = _update(spec, before, ports) if before else _begin(spec, ports)
    if before is not None and needs_node_ports(before):
        ports.freed |= node_ports_of(before) - node_ports_of(spec if needs_node_ports(spec) else {})
    checked = before is not None and needs_health_check(before)
    if errors:
        return errors
    if needs_health_check(spec) and not checked:
        _allocate_health_check(spec, ports)
    elif before is not None and checked and not needs_health_check(spec):
        ports.freed |= {before.get("healthCheckNodePort", 0)} - {0}
    return []


def _begin(spec: Spec, ports: PortOperation) -> list[FieldError]:
    # Entries with the same port, of several protocols, share their node port.
    numbers: dict[int, int] = {}
    requested: dict[int, int] = {}
    for port in spec["ports"]:
        if port.get("nodePort"):
            requested.setdefault(port.get("port", 0), port["nodePort"])
    for index, port in enumerate(spec["ports"]):
        asked, number = port.get("nodePort", 0), port.get("port", 0)
        if not asked and not allocates_node_ports(spec):
            continue
        known = numbers.get(number)
        if known is None:
            known = requested.get(number) or _take_any(ports)
            problem = ports.take(known) if number in requested else ""
            if problem:
                return [invalid(f"spec.ports[{index}].nodePort", known, problem)]
            port["nodePort"] = numbers[number] = known
        elif not asked:
            port["nodePort"] = known
        elif asked != known and (problem := ports.take(asked)):
            return [invalid(f"spec.ports[{index}].nodePort", asked, problem)]
    return []


def _update(spec: Spec, before: Spec, ports: PortOperation) -> list[FieldError]:
    old = node_ports_of(before)
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(spec["ports"]):
        asked, protocol = port.get("nodePort", 0), port.get("protocol", "")
        if not asked:
            if not allocates_node_ports(spec):
                continue
            port["nodePort"] = _take_any(ports)
        elif asked not in old and asked not in ports.taken and (problem := ports.take(asked)):
            return [invalid(f"spec.ports[{index}].nodePort", asked, problem)]
        key = (protocol, port["nodePort"])
        if key in seen:
            raise UnknownError(f"duplicate nodePort: {{{protocol} {port['nodePort']}}}")
        seen.add(key)
    return []


def _allocate_health_check(spec: Spec, ports: PortOperation) -> None:
    asked = spec.get("healthCheckNodePort", 0)
    if asked:
        problem = ports.take(asked)
        if problem:
            what = f"requested HealthCheck NodePort {asked}"
            raise InternalError(f"failed to allocate {what}: {problem}")
        return
    port = ports.take_any()
    if port is None:
        raise InternalError(f"failed to allocate a HealthCheck NodePort 0: {_FULL}")
    spec["healthCheckNodePort"] = port


def _take_any(ports: PortOperation) -> int:
    port = ports.take_any()
    if port is None:
        raise InternalError(f"failed to allocate a nodePort: {_FULL}")
    return port
