"""The listening socket, and the addresses and names of the server."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol, Self

from apiserver.server.config import Config
from apiserver.server.pki import CertificateNames

BACKLOG: Final = 1024

_SERVICE_NAMES: Final = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
# TCP keepalive detects clients that vanished; the user timeout bounds unacknowledged data.
# Accepted sockets inherit these options from the listening socket.
_KEEPALIVE_OPTIONS: Final = {
    "TCP_KEEPIDLE": 30,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 60_000,
}
# Connecting a UDP socket sends nothing; it selects the local address of the default route.
_REMOTE_ADDRESSES: Final = (
    (socket.AF_INET, ("192.0.2.1", 9)),
    (socket.AF_INET6, ("2001:db8::1", 9)),
)


class ConnectionSource(AbstractContextManager["ConnectionSource"], Protocol):
    """The source of the connections of a server; it is closed when the block ends."""

    @property
    def port(self) -> int:
        """The port that clients connect to."""

    async def open(self, connect: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext) -> None:
        """Serve each connection over TLS with a protocol that ``connect`` returns."""

    async def stop(self) -> None:
        """Accept no more connections."""


class Listener:
    """A socket that this process alone listens on. Raises OSError if it cannot be bound."""

    def __init__(self, config: Config) -> None:
        self._socket = bind_socket(config)
        self._server: asyncio.Server | None = None
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    async def open(self, connect: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            connect, sock=self._socket, ssl=tls, backlog=BACKLOG
        )

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()


def bind_socket(config: Config) -> socket.socket:
    """Return a socket that is bound and does not listen yet. Raises OSError."""
    address = ipaddress.ip_address(config.bind_address)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if config.permit_port_sharing:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and address.is_unspecified:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        _enable_keepalive(listener)
        listener.bind((config.bind_address, config.secure_port))
    except OSError as error:
        listener.close()
        where = f"{config.bind_address} port {config.secure_port}"
        raise OSError(error.errno, error.strerror, where) from error
    listener.settimeout(0)
    return listener


def _enable_keepalive(listener: socket.socket) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE_OPTIONS.items():
        # Not every system has all of them.
        option = getattr(socket, name, None)
        if option is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)


def advertised_address(config: Config) -> str:
    """Return the address that other members of the cluster connect to."""
    if config.advertise_address:
        return config.advertise_address
    bound = ipaddress.ip_address(config.bind_address)
    if not bound.is_unspecified and not bound.is_loopback:
        return config.bind_address
    return _outgoing_address() or config.bind_address


def server_url(config: Config, port: int) -> str:
    """Return the URL of the server for clients on the same machine."""
    bound = ipaddress.ip_address(config.bind_address)
    host = "127.0.0.1" if bound.is_unspecified else str(bound)
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def certificate_names(config: Config) -> CertificateNames:
    """Return the names for the serving certificate.

    The name and the address of this machine are optional: they differ between servers that share a
    certificate.
    """
    required = ["localhost", "127.0.0.1", "::1", *_SERVICE_NAMES, config.cluster_ip]
    if not ipaddress.ip_address(config.bind_address).is_unspecified:
        required.append(config.bind_address)
    optional = [advertised_address(config), socket.gethostname()]
    return CertificateNames(
        tuple(dict.fromkeys([*required, *config.tls_san])),
        tuple(name for name in optional if name.isascii()),
    )


def _outgoing_address() -> str:
    for family, target in _REMOTE_ADDRESSES:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(target)
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return ""
