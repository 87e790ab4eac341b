"""Endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import (
    FieldError,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import dns1123_label_problems, dns1123_subdomain_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.addresses import validate_endpoint_ip
from apiserver.resources.builtin.parts.ipforms import validate_new_ip, warnings_for_ip
from apiserver.resources.builtin.parts.names import validate_qualified_name
from apiserver.resources.printing import NONE, Column, aged
from apiserver.resources.strategy import Strategy

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
NOT_A_PORT: Final = "must be between 1 and 65535, inclusive"
MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
_CONTROLLER: Final = "endpoint-controller"
_ADDRESSES: Final = ("addresses", "notReadyAddresses")
_MAX_SHOWN: Final = 3


def _cells(document: Object) -> list[Any]:
    subsets = document.get("subsets")
    return [_shown(_addresses(subsets)) if subsets else NONE]


def _addresses(subsets: Iterable[dict[str, Any]]) -> Iterator[str]:
    for subset in subsets:
        addresses = [address.get("ip", "") for address in subset.get("addresses") or ()]
        ports = subset.get("ports")
        if not ports:
            # A headless Service may have no ports.
            yield from addresses
            continue
        for port in ports:
            for address in addresses:
                host = f"[{address}]" if ":" in address else address
                yield f"{host}:{port.get('port', 0)}"


def _shown(addresses: Iterable[str]) -> str:
    every = list(addresses)
    text = ",".join(every[:_MAX_SHOWN])
    rest = len(every) - _MAX_SHOWN
    return f"{text} + {rest} more..." if rest > 0 else text


class EndpointsStrategy(Strategy):
    """Endpoints list addresses and ports, subset by subset."""

    allow_create_on_update = True
    deprecation = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
    printer = aged((Column("Endpoints", source="api.core.v1.Endpoints.subsets"),), _cells)

    def default(self, document: Object) -> None:
        for subset in document.get("subsets") or ():
            for port in subset.get("ports") or ():
                port.setdefault("protocol", "TCP")

    def validate(self, document: Object) -> list[FieldError]:
        errors: list[FieldError] = []
        for index, subset in enumerate(document.get("subsets") or ()):
            errors += _validate_subset(subset, f"subsets[{index}]")
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        errors = self.validate(document)
        # What an older version accepted may stay as it is.
        unchanged = errors and deep_equal(*(it.get("subsets") or [] for it in (document, old)))
        return [] if unchanged else errors

    def warnings_on_create(self, document: Object) -> list[str]:
        labels = document["metadata"].get("labels") or {}
        if labels.get(MANAGED_BY) == _CONTROLLER:
            return []
        return [
            warning
            for index, subset in enumerate(document.get("subsets") or ())
            for member in _ADDRESSES
            for at, address in enumerate(subset.get(member) or ())
            for warning in warnings_for_ip(
                address.get("ip", ""), f"subsets[{index}].{member}[{at}].ip"
            )
        ]


def _validate_subset(subset: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if not any(subset.get(member) for member in _ADDRESSES):
        errors.append(required(path, "must specify `addresses` or `notReadyAddresses`"))
    for member in _ADDRESSES:
        for index, address in enumerate(subset.get(member) or ()):
            errors += _validate_address(address, f"{path}.{member}[{index}]")
    ports = subset.get("ports") or ()
    for index, port in enumerate(ports):
        errors += _validate_port(port, f"{path}.ports[{index}]", named=len(ports) > 1)
    return errors


def _validate_address(address: dict[str, Any], path: str) -> list[FieldError]:
    ip, host, node = address.get("ip", ""), address.get("hostname"), address.get("nodeName")
    errors = validate_new_ip(ip, f"{path}.ip")
    if host:
        errors += [invalid(f"{path}.hostname", host, text) for text in dns1123_label_problems(host)]
    if node is not None:
        problems = dns1123_subdomain_problems(node)
        errors += [invalid(f"{path}.nodeName", node, text) for text in problems]
    return errors + validate_endpoint_ip(ip, f"{path}.ip")


def _validate_port(port: dict[str, Any], path: str, *, named: bool) -> list[FieldError]:
    name, number, protocol = port.get("name", ""), port.get("port", 0), port.get("protocol", "")
    errors = []
    if name:
        errors += [invalid(f"{path}.name", name, text) for text in dns1123_label_problems(name)]
    elif named:
        errors.append(required(f"{path}.name"))
    if not 1 <= number <= 65535:
        errors.append(invalid(f"{path}.port", number, NOT_A_PORT))
    if not protocol:
        errors.append(required(f"{path}.protocol"))
    elif protocol not in PROTOCOLS:
        errors.append(not_supported(f"{path}.protocol", protocol, PROTOCOLS))
    if port.get("appProtocol") is not None:
        errors += validate_qualified_name(port["appProtocol"], f"{path}.appProtocol")
    return errors


STRATEGY = EndpointsStrategy
