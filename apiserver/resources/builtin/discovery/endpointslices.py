"""EndpointSlice."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
    too_many,
)
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.machinery.objects import Object, metadata_of, with_metadata
from apiserver.resources.builtin.parts.addresses import (
    parse_ip,
    validate_endpoint_ip,
)
from apiserver.resources.builtin.parts.hosts import validate_domain_name
from apiserver.resources.builtin.parts.ipforms import validate_new_ip, warnings_for_ip
from apiserver.resources.builtin.parts.names import (
    validate_dns_label,
    validate_dns_subdomain,
    validate_label_value,
    validate_qualified_name,
)
from apiserver.resources.printing import UNSET, Column, aged
from apiserver.resources.strategy import WHOLE, Strategy

_VERSIONS: Final = {"IPv4": 4, "IPv6": 6}
_TYPES: Final = ("FQDN", "IPv4", "IPv6")
_PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_MAX_ENDPOINTS, _MAX_ADDRESSES, _MAX_PORTS = 1000, 100, 20000
_MAX_TOPOLOGIES, _MAX_HINTS = 16, 8
_HINTS: Final = {"forZones": validate_label_value, "forNodes": validate_dns_subdomain}
_MAX_SHOWN: Final = 3
_ZONE: Final = "topology.kubernetes.io/zone"
_HOST: Final = "kubernetes.io/hostname"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
_CONTROLLERS: Final = (
    "endpointslice-controller.k8s.io",
    "endpointslicemirroring-controller.k8s.io",
)
_SLICE: Final = "api.discovery.v1.EndpointSlice"


def _cells(document: Object) -> list[Any]:
    ports = [
        str(port["port"]) if port.get("port") is not None else port.get("name", "*")
        for port in document.get("ports") or ()
    ]
    addresses = [
        address
        for endpoint in document.get("endpoints") or ()
        for address in endpoint.get("addresses") or ()
    ]
    return [document.get("addressType", ""), _shown(ports), _shown(addresses)]


def _shown(texts: list[str]) -> str:
    text = ",".join(texts[:_MAX_SHOWN])
    rest = len(texts) - _MAX_SHOWN
    return f"{text} + {rest} more..." if rest > 0 else text or UNSET


class EndpointSliceStrategy(Strategy):
    """An EndpointSlice lists some of the endpoints of a Service, all with one address type."""

    metadata_checks = (WHOLE,)
    generation_of = ("addressType", "endpoints", "ports")
    printer = aged(
        (
            Column("AddressType", source=f"{_SLICE}.addressType"),
            Column("Ports", source=f"{_SLICE}.ports"),
            Column("Endpoints", source=f"{_SLICE}.endpoints"),
        ),
        _cells,
    )

    def default(self, document: Object) -> None:
        for port in document.get("ports") or ():
            port.setdefault("name", "")
            port.setdefault("protocol", "TCP")
        for endpoint in document.get("endpoints") or ():
            topology = endpoint.get("deprecatedTopology") or {}
            if _ZONE in topology and endpoint.get("zone") is None:
                endpoint["zone"] = topology.pop(_ZONE)
                if not topology:
                    del endpoint["deprecatedTopology"]

    def prepare_for_create(self, document: Object) -> Object:
        return _without_topology(document, frozenset())

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        labels, before = (metadata_of(d).get("labels") or {} for d in (document, old))
        endpoints = (d.get("endpoints") or [] for d in (document, old))
        is_same = deep_equal(*endpoints)
        if not is_same:
            # Fields dropped here still count as a change.
            document = _without_topology(document, _hosts(old))
        if is_same and labels == before:
            return document
        return with_metadata(document, generation=(metadata_of(old).get("generation") or 0) + 1)

    def validate(self, document: Object) -> list[FieldError]:
        return [*_validate_shape(document), *_validate_endpoints(document)]

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        errors, of_endpoints = _validate_shape(document), _validate_endpoints(document)
        # What an older version accepted may stay as it is.
        endpoints = (it.get("endpoints") or [] for it in (document, old))
        if of_endpoints and not deep_equal(*endpoints):
            errors += of_endpoints
        type_ = document.get("addressType", "")
        if type_ != old.get("addressType"):
            errors.append(invalid("addressType", type_, "field is immutable"))
        return errors

    def warnings_on_create(self, document: Object) -> list[str]:
        found = []
        if document.get("addressType") == "FQDN":
            found.append("spec.addressType: FQDN endpoints are deprecated")
        return found + _of_addresses(document)

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        return _of_addresses(document)


def _of_addresses(document: Object) -> list[str]:
    # These controllers write addresses as they should be.
    if (metadata_of(document).get("labels") or {}).get(MANAGED_BY) in _CONTROLLERS:
        return []
    return [
        warning
        for index, endpoint in enumerate(document.get("endpoints") or ())
        for at, address in enumerate(endpoint.get("addresses") or ())
        for warning in warnings_for_ip(address, f"endpoints[{index}].addresses[{at}]")
    ]


def _hosts(document: Object) -> frozenset[str]:
    """Return the nodes that the endpoints of a slice still name in their topology."""
    topologies = (e.get("deprecatedTopology") or {} for e in document.get("endpoints") or ())
    return frozenset(topology[_HOST] for topology in topologies if topology.get(_HOST))


def _without_topology(document: Object, hosts: frozenset[str]) -> Object:
    """Return a slice whose endpoints have no topology, a field that is no longer writable.

    The node in the topology becomes the nodeName of the endpoint if it is one of ``hosts``.
    """
    endpoints: list[dict[str, Any]] = document.get("endpoints") or []
    if not any("deprecatedTopology" in endpoint for endpoint in endpoints):
        return document
    changed = []
    for endpoint in endpoints:
        kept = {key: value for key, value in endpoint.items() if key != "deprecatedTopology"}
        host = (endpoint.get("deprecatedTopology") or {}).get(_HOST)
        is_free = endpoint.get("nodeName") is None
        if is_free and host in hosts and not dns1123_subdomain_problems(host):
            kept["nodeName"] = host
        changed.append(kept)
    return {**document, "endpoints": changed}


def _validate_shape(document: Object) -> list[FieldError]:
    return [
        *_validate_type(document.get("addressType", "")),
        *_validate_ports(document.get("ports") or []),
    ]


def _validate_type(type_: str) -> list[FieldError]:
    if not type_:
        return [required("addressType")]
    return [] if type_ in _TYPES else [not_supported("addressType", type_, _TYPES)]


def _validate_ports(ports: list[dict[str, Any]]) -> list[FieldError]:
    if len(ports) > _MAX_PORTS:
        return [too_many("ports", len(ports), _MAX_PORTS)]
    errors: list[FieldError] = []
    names: set[str] = set()
    for index, port in enumerate(ports):
        path, name, protocol = f"ports[{index}]", port.get("name") or "", port.get("protocol")
        if name:
            errors += validate_dns_label(name, f"{path}.name")
        if name in names:
            errors.append(duplicate(f"{path}.name", name))
        names.add(name)
        if protocol is None:
            errors.append(required(f"{path}.protocol"))
        elif protocol not in _PROTOCOLS:
            errors.append(not_supported(f"{path}.protocol", protocol, _PROTOCOLS))
        if port.get("appProtocol") is not None:
            errors += validate_qualified_name(port["appProtocol"], f"{path}.appProtocol")
    return errors


def _validate_endpoints(document: Object) -> list[FieldError]:
    endpoints, type_ = document.get("endpoints") or [], document.get("addressType", "")
    if len(endpoints) > _MAX_ENDPOINTS:
        return [too_many("endpoints", len(endpoints), _MAX_ENDPOINTS)]
    errors: list[FieldError] = []
    for index, endpoint in enumerate(endpoints):
        path = f"endpoints[{index}]"
        errors += _validate_addresses(endpoint.get("addresses") or [], type_, f"{path}.addresses")
        errors += _validate_endpoint(endpoint, path)
    return errors


def _validate_addresses(addresses: list[str], type_: str, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if not addresses:
        errors.append(required(path, "must contain at least 1 address"))
    elif len(addresses) > _MAX_ADDRESSES:
        errors.append(too_many(path, len(addresses), _MAX_ADDRESSES))
    for index, address in enumerate(addresses):
        where = f"{path}[{index}]"
        if type_ == "FQDN":
            errors += validate_domain_name(address, where)
        elif type_ in _VERSIONS:
            malformed = validate_new_ip(address, where)
            ip = parse_ip(address)
            if malformed or ip is None:
                errors += malformed
                continue
            if ip.version != _VERSIONS[type_]:
                errors.append(invalid(path, address, f"must be an {type_} address"))
            errors += validate_endpoint_ip(address, where)
    return errors


def _validate_endpoint(endpoint: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    topology = endpoint.get("deprecatedTopology") or {}
    if endpoint.get("nodeName") is not None:
        errors += validate_dns_subdomain(endpoint["nodeName"], f"{path}.nodeName")
    where = f"{path}.deprecatedTopology"
    if len(topology) > _MAX_TOPOLOGIES:
        errors.append(too_many(where, len(topology), _MAX_TOPOLOGIES))
    for key, value in topology.items():
        errors += validate_qualified_name(key, where)
        errors += validate_label_value(value, where)
    if endpoint.get("hostname") is not None:
        errors += validate_dns_label(endpoint["hostname"], f"{path}.hostname")
    hints = endpoint.get("hints") or {}
    return errors + _validate_hints(hints, f"{path}.hints")


def _validate_hints(hints: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for member in _HINTS:
        count = len(hints.get(member) or ())
        if count > _MAX_HINTS:
            return [too_many(f"{path}.{member}", count, _MAX_HINTS)]
    for member, check in _HINTS.items():
        names: set[str] = set()
        for index, hint in enumerate(hints.get(member) or ()):
            where, name = f"{path}.{member}[{index}].name", hint.get("name", "")
            if name in names:
                errors.append(duplicate(where, name))
            names.add(name)
            errors += check(name, where)
    return errors


STRATEGY = EndpointSliceStrategy
