"""Headers of every response."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import getrandbits
from typing import Any, Final

from aiohttp import web
from multidict import istr

from apiserver.endpoints.buffered_response import BufferedResponse
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.machinery.warnings import sendable

_AUDIT_ID: Final = istr("Audit-Id")
_CACHE_CONTROL: Final = istr("Cache-Control")
_WARNING: Final = istr("Warning")
_FLOW_SCHEMA: Final = istr("X-Kubernetes-PF-FlowSchema-UID")
_PRIORITY_LEVEL: Final = istr("X-Kubernetes-PF-PriorityLevel-UID")
_NOT_CACHED: Final = "no-cache, private"
#: How many random ids have the same beginning, which takes longer than the rest to be made.
_SHARING: Final = 256
_CONTROL: Final = f"\r\n{_CACHE_CONTROL}: {_NOT_CACHED}"
_SCHEMA_LINE: Final = f"\r\n{_FLOW_SCHEMA}: "
_LEVEL_LINE: Final = f"\r\n{_PRIORITY_LEVEL}: "


def add_common_headers(request: HTTPRequest, response: web.StreamResponse) -> None:
    """Add audit id, cache control, flow and warning headers. Call it before sending."""
    made: Any = response
    if type(made) is BufferedResponse:
        made.common = _common_headers(request, "" if made.has_header(_CACHE_CONTROL) else _CONTROL)
        return
    headers = response.headers
    headers[_AUDIT_ID] = audit_id(request)
    if _CACHE_CONTROL not in headers:
        headers[_CACHE_CONTROL] = _NOT_CACHED
    if request.flow is not None:
        headers[_FLOW_SCHEMA], headers[_PRIORITY_LEVEL] = request.flow
    for header in warning_headers(request.warnings):
        headers.add(_WARNING, header)


def _common_headers(request: HTTPRequest, control: str) -> str:
    """Return the common headers in encoded form, as encoding a mapping takes longer."""
    lines = f"\r\nAudit-Id: {audit_id(request)}{control}"
    if request.flow is not None:
        schema, level = request.flow
        lines = f"{lines}{_SCHEMA_LINE}{schema}{_LEVEL_LINE}{level}"
    if request.warnings:
        for header in warning_headers(request.warnings):
            lines += f"\r\n{_WARNING}: {header}"
    return lines


def audit_id(request: HTTPRequest) -> str:
    """Return the id of the audit events, else the one that the client has given or a random one."""
    if request.audit is not None:
        return request.audit.id
    given = request.headers.get(_AUDIT_ID)
    return given if given and given.isascii() and given.isprintable() else next(_random_ids)


def random_ids() -> Iterator[str]:
    """Yield random UUIDs. They identify requests and need not be unpredictable."""
    while True:
        digits = "%020x" % getrandbits(80)  # noqa: UP031 - as quick as it gets
        start = f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:18]}-"
        # Of these no two are the same either: they differ in 48 bits.
        for _ in range(_SHARING):
            yield f"{start}{getrandbits(48):012x}"


_random_ids: Final = random_ids()


def warning_headers(warnings: Sequence[str]) -> list[str]:
    """Return warnings as RFC 7234 headers. They are truncated if they are long in total."""
    return [
        '299 - "' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for text in sendable(warnings)
    ]
