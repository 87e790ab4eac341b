"""The headers of requests and responses that pass through this server.

What concerns a single connection does not pass (RFC 9110 section 7.6.1), nor what the client tells
this server in confidence: who it is, and whom it wants to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from apiserver.endpoints.http_request import HTTPRequest

_HOP_BY_HOP: Final = frozenset(
    ["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
     "te", "trailer", "transfer-encoding", "upgrade"]
)  # fmt: skip
_PRIVATE: Final = frozenset(["authorization", "expect"])
#: What such names begin with, those of front proxies among them.
_PRIVATE_PREFIXES: Final = ("impersonate-", "x-remote-")
_PROTOCOLS: Final = "sec-websocket-protocol"
#: Browsers cannot send the header Authorization with a WebSocket.
_BEARER: Final = "base64url.bearer.authorization.k8s.io."
#: These would let pages of other sites read what the proxy serves.
_CROSS_ORIGIN: Final = frozenset(
    ["access-control-allow-credentials", "access-control-allow-headers",
     "access-control-allow-methods", "access-control-allow-origin"]
)  # fmt: skip

Headers = list[tuple[str, str]]


def backend_headers(request: HTTPRequest) -> Headers:
    """Return the headers of a request for a backend, with X-Forwarded-* added.

    The backend is told the host that the client asked for, as in kube-apiserver.
    """
    http = request.http
    headers = _without(_end_to_end(http.headers), "x-forwarded-for")
    return [
        *headers,
        _forwarded_for(request),
        ("X-Forwarded-Uri", request.info.path),
        ("X-Forwarded-Host", http.headers.get("Host", "")),
        ("X-Forwarded-Proto", "https"),
    ]


def upgrade_headers(request: HTTPRequest) -> Headers:
    """Return the headers of a request for an upgrade, which the backend decides on."""
    headers = _without(_private_removed(request.http.headers.items()), "x-forwarded-for")
    return [*headers, _forwarded_for(request)]


def response_headers(headers: Mapping[str, str]) -> Headers:
    """Return the headers of a backend's response for the client."""
    return [
        (name, value) for name, value in _end_to_end(headers) if name.lower() not in _CROSS_ORIGIN
    ]


def _end_to_end(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    named = headers.get("Connection", "").lower().split(",")
    single = _HOP_BY_HOP | {name.strip() for name in named}
    for name, value in _private_removed(headers.items()):
        if name.lower() not in single:
            yield name, value


def _private_removed(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        lower = name.lower()
        if lower in _PRIVATE or lower.startswith(_PRIVATE_PREFIXES):
            continue
        kept = value
        if lower == _PROTOCOLS:
            protocols = [each.strip() for each in value.split(",")]
            kept = ", ".join(each for each in protocols if not each.startswith(_BEARER))
        if kept or not value:
            yield name, kept


def _without(headers: Iterable[tuple[str, str]], name: str) -> Headers:
    return [header for header in headers if header[0].lower() != name]


def _forwarded_for(request: HTTPRequest) -> tuple[str, str]:
    before = request.http.headers.getall("X-Forwarded-For", [])
    return "X-Forwarded-For", ", ".join([*before, request.http.remote or ""])
