"""Headers of every response."""

from __future__ import annotations

from collections.abc import Sequence
from random import getrandbits
from typing import Final

from aiohttp import web
from multidict import istr

from apiserver.endpoints.http_request import HTTPRequest
from apiserver.machinery.warnings import sendable

_AUDIT_ID: Final = istr("Audit-Id")
_CACHE_CONTROL: Final = istr("Cache-Control")
_SERVER: Final = istr("Server")
_WARNING: Final = istr("Warning")
_FLOW_SCHEMA: Final = istr("X-Kubernetes-PF-FlowSchema-UID")
_PRIORITY_LEVEL: Final = istr("X-Kubernetes-PF-PriorityLevel-UID")


def add_common_headers(request: HTTPRequest, response: web.StreamResponse) -> None:
    """Add audit id, cache control, server, flow and warning headers. Call it before sending."""
    headers = response.headers
    headers[_AUDIT_ID] = audit_id(request) if request.audit is None else request.audit.id
    if _CACHE_CONTROL not in headers:
        headers[_CACHE_CONTROL] = "no-cache, private"
    # By default aiohttp states its own version and that of Python.
    headers[_SERVER] = "apiserver"
    if request.flow is not None:
        headers[_FLOW_SCHEMA], headers[_PRIORITY_LEVEL] = request.flow
    if request.warnings:
        for header in warning_headers(request.warnings):
            headers.add(_WARNING, header)


def audit_id(request: HTTPRequest) -> str:
    """Return the audit id that the client has chosen, or a random one."""
    given = request.http.headers.get(_AUDIT_ID)
    return given if given and given.isascii() and given.isprintable() else random_id()


def random_id() -> str:
    """Return a random UUID. It identifies a request and need not be unpredictable."""
    digits = "%032x" % getrandbits(128)  # noqa: UP031 - as quick as it gets
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def warning_headers(warnings: Sequence[str]) -> list[str]:
    """Return warnings as RFC 7234 headers. They are truncated if they are long in total."""
    return [
        '299 - "' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for text in sendable(warnings)
    ]
