"""RequestRecorder: keeps the last requests of a server for tests."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from aiohttp import web

from apiserver.endpoints.http_connection import DetachedResponse
from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.testing.harness_agent import USER_AGENT
from apiserver.testing.seeding import current_request

#: How many requests are kept, and how many bytes of their bodies: of each, and of all together.
MAX_REQUESTS: Final = 10_000
MAX_BODY_BYTES: Final = 256 * 1024
MAX_TOTAL_BYTES: Final = 64 * 1024 * 1024


@dataclass(slots=True)
class Recorded:
    """One request, see `apiserver.testing.request_log.Request`."""

    number: int
    verb: str
    method: str
    path: str
    query: str
    group: str
    version: str
    resource: str
    subresource: str
    namespace: str
    name: str
    user_agent: str
    started: float
    user: str = ""
    groups: tuple[str, ...] = ()
    body: str | None = None
    status: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return the request as JSON has it."""
        return asdict(self)


#: The record of the request that is being handled; ``None``: it is not recorded.
current_record: ContextVar[Recorded | None] = ContextVar("current_record", default=None)


class RequestRecorder:
    """The last requests, but for those of the harness itself."""

    def __init__(self) -> None:
        self._kept: deque[Recorded] = deque()
        self._bytes = 0
        self._number = 0

    @property
    def count(self) -> int:
        """How many requests there have been."""
        return self._number

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self._kept)

    def clear(self) -> None:
        """Forget all requests so far."""
        self._kept.clear()
        self._bytes = 0

    def recording(self, handler: Handler) -> Handler:
        """Return ``handler`` with its requests recorded; it is to be the outermost."""

        async def recorded(request: HTTPRequest) -> web.StreamResponse:
            current_request.set(f"{request.method} {request.info.path}")
            agent = request.header("User-Agent")
            if agent == USER_AGENT:
                current_record.set(None)
                return await handler(request)
            record = self._begin(request, agent)
            current_record.set(record)
            begun = time.perf_counter()
            try:
                response = await handler(request)
                if not isinstance(response, DetachedResponse):
                    record.status = response.status
            finally:
                record.seconds = time.perf_counter() - begun
            return response

        return recorded

    def keep_body(self, record: Recorded, data: bytes) -> None:
        """Keep the body of a request with it, or the beginning of one that is long."""
        if not self._kept or record.number < self._kept[0].number:
            return
        record.body = data[:MAX_BODY_BYTES].decode(errors="replace")
        self._bytes += len(record.body)
        while self._bytes > MAX_TOTAL_BYTES and self._kept:
            self._drop()

    def _begin(self, request: HTTPRequest, agent: str) -> Recorded:
        self._number += 1
        info = request.info
        record = Recorded(
            self._number, request.verb, request.method, info.path,
            request.target.partition("?")[2], info.group, info.version, info.resource,
            info.subresource, info.namespace, info.name, agent, time.time(),
        )  # fmt: skip
        if len(self._kept) >= MAX_REQUESTS:
            self._drop()
        self._kept.append(record)
        return record

    def _drop(self) -> None:
        self._bytes -= len(self._kept.popleft().body or "")
