"""The headers of requests and responses that pass through this server.

What concerns a single connection does not pass (RFC 9110 section 7.6.1), nor what the client tells
this server in confidence: who it is, and whom it wants to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from apiserver.access.authentication.front_proxy import ProxyHeaders
from apiserver.endpoints.http_request import HTTPRequest

_HOP_BY_HOP: Final = frozenset(
    ["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
     "te", "trailer", "transfer-encoding", "upgrade"]
)  # fmt: skip
_PRIVATE: Final = frozenset(["authorization", "expect"])
#: What such names begin with, the usual ones of front proxies among them.
_PRIVATE_PREFIXES: Final = ("impersonate-", "x-remote-")
_PROTOCOLS: Final = "sec-websocket-protocol"
_FORWARDED_FOR: Final = "x-forwarded-for"
#: Browsers cannot send the header Authorization with a WebSocket.
_BEARER: Final = "base64url.bearer.authorization.k8s.io."
#: These would let pages of other sites read what the proxy serves.
_CROSS_ORIGIN: Final = frozenset(
    ["access-control-allow-credentials", "access-control-allow-headers",
     "access-control-allow-methods", "access-control-allow-origin"]
)  # fmt: skip

Headers: TypeAlias = list[tuple[str, str]]


class RequestHeaders:
    """The headers of requests for backends.

    ``front_proxy`` are the configured names of the headers in which front proxies name their users.
    """

    def __init__(self, front_proxy: ProxyHeaders | None = None) -> None:
        self._private = _PRIVATE
        self._prefixes: tuple[str, ...] = _PRIVATE_PREFIXES
        if front_proxy is not None:
            self._private |= front_proxy.names
            self._prefixes += front_proxy.extra_prefixes

    def forwarded(self, request: HTTPRequest) -> Headers:
        """Return the headers of a request for a backend, with X-Forwarded-* added.

        The header Host is that of the request, as in kube-apiserver.
        """
        headers = self._public(_end_to_end(request.headers))
        return [
            *headers,
            _forwarded_for(request),
            ("X-Forwarded-Uri", request.info.path),
            ("X-Forwarded-Host", request.headers.get("Host", "")),
            ("X-Forwarded-Proto", "https"),
        ]

    def upgrade(self, request: HTTPRequest) -> Headers:
        """Return the headers of a request for an upgrade, which the backend decides on."""
        return [*self._public(request.headers.items()), _forwarded_for(request)]

    def _public(self, headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        for name, value in headers:
            lower = name.lower()
            if lower in self._private or lower.startswith(self._prefixes):
                continue
            kept = _without_token(value) if lower == _PROTOCOLS else value
            if lower != _FORWARDED_FOR and (kept or not value):
                yield name, kept


def response_headers(headers: Mapping[str, str]) -> Headers:
    """Return the headers of a backend's response for the client."""
    return [
        (name, value) for name, value in _end_to_end(headers) if name.lower() not in _CROSS_ORIGIN
    ]


def _end_to_end(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    named = headers.get("Connection", "").lower().split(",")
    single = _HOP_BY_HOP | {name.strip() for name in named}
    for name, value in headers.items():
        if name.lower() not in single:
            yield name, value


def _without_token(protocols: str) -> str:
    """Return subprotocols of a WebSocket without the bearer token of the client."""
    names = [each.strip() for each in protocols.split(",")]
    return ", ".join(each for each in names if not each.startswith(_BEARER))


def _forwarded_for(request: HTTPRequest) -> tuple[str, str]:
    before = request.headers.getall("X-Forwarded-For", [])
    return "X-Forwarded-For", ", ".join([*before, request.http.remote or ""])
