"""The targets of requests that are forwarded: kubelets, Pods, and the Pods behind Services.

Names are looked up in the store. A NotFound names the resource of the request, whichever object is
missing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote as url_quote
from urllib.parse import urlencode

from apiserver.machinery.builtin_resources import PODS
from apiserver.machinery.errors import (
    BadRequest,
    NotFound,
    ServiceUnavailable,
    UnknownError,
)
from apiserver.machinery.integers import parse_integer
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.get import get_object
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource
from apiserver.registry.subresources.destinations import is_kubelet_reachable, is_reachable

_SCHEMES: Final = ("", "http", "https")
_KUBELET_PORT: Final = 10250
_NOT_ALLOWED: Final = "address not allowed"
_ADDRESS_TYPES: Final = ("Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP")


@valueclass
class Location:
    """The parts of a URL; ``path`` is empty or starts with a slash, ``port`` 0 is the default."""

    scheme: str
    host: str
    port: int
    path: str = ""
    query: str = ""

    @property
    def url(self) -> str:
        """The URL as a text."""
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{self.authority}{self.path}{query}"

    @property
    def authority(self) -> str:
        """Host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


@valueclass
class Locations:
    """Looks up the targets of requests."""

    registry: Registry

    async def kubelet(
        self, pods: Resource, pod: Object, container: str, call: str, query: Mapping[str, Any]
    ) -> Location | None:
        """Return the kubelet's URL for ``call`` on a Pod; ``None`` while it has no node."""
        node = pod["spec"].get("nodeName")
        if not node:
            return None
        found = await self._other(pods, "nodes", "", node)
        parts = [call, namespace_of(pod), name_of(pod), *([container] if container else [])]
        path = "/" + "/".join(url_quote(part) for part in parts)
        host, port = kubelet_address(found)
        address = await _resolved(host, is_kubelet_reachable)
        return Location("https", address, port, path, urlencode(query, doseq=True))

    async def pod(self, pods: Resource, namespace: str, given: str) -> Location:
        """Return the address of a Pod, with the port in ``[scheme:]name[:port]``."""
        scheme, name, port = _split(given, "pod")
        pod = (await get_object(pods, namespace, name)).object
        port = port or str(_first_port(pod) or "")
        address = (pod.get("status") or {}).get("podIP", "")
        if not is_reachable(address):
            raise BadRequest(_NOT_ALLOWED)
        return Location(scheme or "http", address, _number(port))

    async def node(self, nodes: Resource, given: str) -> Location:
        """Return the address of a node: its kubelet, or another port of the node."""
        scheme, name, port = _split(given, "node")
        node = (await get_object(nodes, "", name)).object
        host, kubelet_port = kubelet_address(node)
        if port in ("", str(kubelet_port)):
            # The kubelet speaks TLS, whichever scheme was requested.
            return Location("https", await _resolved(host, is_kubelet_reachable), kubelet_port)
        return Location(scheme or "http", await _resolved(host, is_reachable), _number(port))

    async def service(self, services: Resource, namespace: str, given: str) -> Location:
        """Return the address of one of the Pods behind a Service."""
        scheme, name, port = _split(given, "service")
        if port.isascii() and port.isdigit():
            service = (await get_object(services, namespace, name)).object
            port = _port_name(service, parse_integer(port))
        endpoints = await self._other(services, "endpoints", namespace, name)
        subsets = endpoints.get("subsets") or ()
        if not subsets:
            raise _no_endpoints(name)
        for host, number in _shuffled(subsets, port):
            if self._is_of_a_pod(namespace, host):
                return Location(scheme or "http", host["ip"], number)
        raise _no_endpoints(given)

    def _is_of_a_pod(self, namespace: str, address: dict[str, Any]) -> bool:
        # Otherwise clients with write access to Endpoints could choose any target.
        target = address.get("targetRef") or {}
        if target.get("kind") != "Pod" or target.get("namespace", namespace) != namespace:
            return False
        pod = self.registry.reader.get(PODS, namespace, target.get("name", ""))
        status = {} if pod is None else pod.get("status") or {}
        known = {status.get("podIP"), *(each.get("ip") for each in status.get("podIPs") or ())}
        return address["ip"] in known and is_reachable(address["ip"])

    async def _other(self, asked: Resource, plural: str, namespace: str, name: str) -> Object:
        resource = self.registry.resource("", "v1", plural)
        assert resource is not None
        try:
            return (await get_object(resource, namespace, name)).object
        except NotFound as error:
            raise asked.not_found(name) from error


def kubelet_address(node: Object) -> tuple[str, int]:
    """Return the address of the kubelet of a node.

    Raises UnknownError for a node without an address.
    """
    status = node.get("status") or {}
    endpoints = status.get("daemonEndpoints") or {}
    port = (endpoints.get("kubeletEndpoint") or {}).get("Port") or _KUBELET_PORT
    addresses = status.get("addresses") or ()
    for type_ in _ADDRESS_TYPES:
        for address in addresses:
            if address["type"] == type_:
                return address["address"], port
    shown = " ".join(f"{{{each['type']} {each['address']}}}" for each in addresses)
    raise UnknownError(f"no preferred addresses found; known addresses: [{shown}]")


def chosen_container(pod: Object, container: str) -> str:
    """Return the named container, or the only one if none is named. Raises BadRequest."""
    spec, name = pod["spec"], name_of(pod)
    names = _names(spec, "containers")
    if container:
        known = [*names, *_names(spec, "initContainers"), *_names(spec, "ephemeralContainers")]
        if container not in known:
            raise BadRequest(f"container {container} is not valid for pod {name}")
        return container
    if len(names) == 1:
        return names[0]
    text = f"a container name must be specified for pod {name}"
    if not names:
        raise BadRequest(text)
    text += f", choose one of: [{' '.join(names)}]"
    init = _names(spec, "initContainers")
    if init:
        text += f" or one of the init containers: [{' '.join(init)}]"
    raise BadRequest(text)


def _names(spec: dict[str, Any], member: str) -> list[str]:
    return [container["name"] for container in spec.get(member) or ()]


def _split(given: str, what: str) -> tuple[str, str, str]:
    parts = given.split(":")
    match parts:
        case [name]:
            scheme, port = "", ""
        case [name, port]:
            scheme = ""
        case [scheme, name, port]:
            pass
        case _:
            raise BadRequest(f"invalid {what} request {quote(given)}")
    if scheme not in _SCHEMES or not name:
        raise BadRequest(f"invalid {what} request {quote(given)}")
    return scheme, name, port


def _first_port(pod: Object) -> int:
    for container in pod["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            return int(port["containerPort"])
    return 0


def _number(port: str) -> int:
    if not port:
        return 0
    if port.isascii() and port.isdigit() and parse_integer(port) < 1 << 16:
        return int(port)
    why = f"dial tcp: lookup tcp/{port}: unknown port"
    raise ServiceUnavailable(f"error trying to reach service: {why}")


def _port_name(service: Object, number: int) -> str:
    for port in service["spec"].get("ports") or ():
        if port["port"] == number:
            return str(port.get("name", ""))
    name = quote(name_of(service))
    raise ServiceUnavailable(f"no service port {number} found for service {name}")


def _no_endpoints(given: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"no endpoints available for service {quote(given)}")


def _shuffled(subsets: Sequence[Object], port: str) -> list[tuple[Object, int]]:
    found = [
        (address, int(each["port"]))
        for subset in subsets
        for each in subset.get("ports") or ()
        if each.get("name", "") == port
        for address in subset.get("addresses") or ()
    ]
    random.shuffle(found)
    return found


async def _resolved(host: str, allows: Callable[[str], bool]) -> str:
    """Return an address of a host. Raises BadRequest unless all its addresses are allowed.

    The caller must connect to this address instead of resolving the name again, which could return
    a different one.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:
        raise BadRequest(f"lookup {host}: no such host") from error
    addresses = [str(address[4][0]) for address in found]
    if not all(map(allows, addresses)):
        raise BadRequest(_NOT_ALLOWED)
    return addresses[0]
