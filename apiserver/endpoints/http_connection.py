"""HTTPConnection: a client's connection as aiohttp serves it, with the limits of an API server.

Requests that cannot be parsed get a plain 400 and are neither passed on nor logged. Limits apply to
the size of a request's head and to the time that a client may leave a response unread. When the
client disconnects, a read is cancelled, and a write while it is in the filters or in admission,
before which nothing is written; after that it completes, so that no change is left half made.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiohttp import web

from apiserver.access.authentication.x509 import Certificate

log = logging.getLogger(__name__)

MAX_LINE: Final = 256 * 1024
MAX_HEADER: Final = 256 * 1024
MAX_HEADERS: Final = 4096
#: The maximum size of a request without its body, in bytes.
MAX_HEAD: Final = 1024 * 1024
#: A connection is closed after so many seconds without a complete request head.
IDLE_SECONDS: Final = 90.0
#: A client is disconnected after so many seconds without reading from a full connection.
STALLED_SECONDS: Final = 60.0

# The encoding DER of certificates, as OpenSSL numbers it.
_DER: Final = 2
#: Of how many certificates the trusted one that has verified them is remembered.
_MOST_ANCHORS: Final = 1024
_anchors: dict[bytes, bytes] = {}

# The maximum number of hijacked bytes that wait for their reader.
_MOST_HIJACKED: Final = 64 * 1024
_BAD_REQUEST: Final = b"400 Bad Request"
_TOO_LARGE: Final = b"431 Request Header Fields Too Large"
_REFUSAL: Final = (
    b"HTTP/1.1 %b\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
)


class DetachedResponse(web.StreamResponse):
    """A response that was written to the connection directly."""

    @property
    def prepared(self) -> bool:
        """Always true: the response is already written."""
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing: the response is already written."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the response is already written."""


class HTTPConnection(web.RequestHandler):
    """An aiohttp connection with an optional client certificate and limited headers."""

    __slots__ = (
        "_certificate", "_head", "_hijacked", "_request", "_stalled", "_waits", "_without_body",
        "busy", "cancellable",
    )  # fmt: skip

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=IDLE_SECONDS,
            access_log=None,  # type: ignore[arg-type]
            logger=log,
            max_line_size=MAX_LINE,
            max_field_size=MAX_HEADER,
            max_headers=MAX_HEADERS,
            auto_decompress=False,
        )
        self._certificate: Certificate | None = None
        self._hijacked: asyncio.StreamWriter | None = None
        self._head = 0
        # Whether the request that is being read has the method HEAD.
        self._without_body = False
        self._request: web.BaseRequest | None = None
        self._stalled: asyncio.TimerHandle | None = None
        #: Whether a request is in progress.
        self.busy = False
        #: The task of the request in progress while it may be cancelled.
        self.cancellable: asyncio.Task[Any] | None = None
        self._waits = 0

    @property
    def certificate(self) -> Certificate | None:
        """The client certificate verified by TLS."""
        return self._certificate

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peercert")
        if peer:
            der = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            not_after = ssl.cert_time_to_seconds(peer["notAfter"])
            anchor = _anchor(transport.get_extra_info("ssl_object"), der)
            self._certificate = Certificate(peer["subject"], der, not_after, anchor)

    def data_received(self, data: bytes) -> None:
        if self._hijacked is not None:
            self._hijacked.write(data)
            self._apply_backpressure(self._hijacked)
            return
        request = self._request
        if not self.busy and (request is None or request.content.is_eof()):
            if self._head == 0:
                self._without_body = data.startswith(b"HEAD ")
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.refuse(_TOO_LARGE)
                return
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        cancellable = self.cancellable
        if self._hijacked is not None:
            self._hijacked.close()
        if self._stalled is not None:
            self._stalled.cancel()
        super().connection_lost(exc)
        # This breaks a reference cycle: the TLS buffers are too large to wait for the collector.
        self._request = None
        if cancellable is not None:
            cancellable.cancel()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self._loop.call_later(STALLED_SECONDS, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def hijack(self, writer: asyncio.StreamWriter) -> None:
        """Forward all further bytes from the client to ``writer``."""
        self._hijacked = writer
        # aiohttp keeps what has come behind the head of the request, and then stops reading.
        early, self._message_tail = self._message_tail, b""
        if self._buffer_paused:
            self._resume_reading_for_buffer()
        if early:
            writer.write(early)
            self._apply_backpressure(writer)

    def release(self) -> None:
        """Forward nothing any more, and close the connection after the response."""
        self._hijacked = None
        self.close()

    @contextmanager
    def cancelling(self, task: asyncio.Task[Any]) -> Iterator[None]:
        """Cancel the request in progress, a task, if the client disconnects during the block.

        Blocks may overlap: parts of a request wait at the same time.
        """
        if self.cancellable is not None and not self._waits:
            yield
            return
        if self.transport is None:
            task.cancel()
        self._waits += 1
        self.cancellable = task
        try:
            yield
        finally:
            self._waits -= 1
            if not self._waits:
                self.cancellable = None

    async def drained(self) -> None:
        """Wait until the client has read most of what was written."""
        await self._drain_helper()

    def _apply_backpressure(self, writer: asyncio.StreamWriter) -> None:
        transport = self.transport
        if transport is None or writer.transport.get_write_buffer_size() < _MOST_HIJACKED:
            return
        transport.pause_reading()
        draining = asyncio.ensure_future(writer.drain())

        def resume(done: asyncio.Future[None]) -> None:
            if done.exception() is None and not transport.is_closing():
                transport.resume_reading()

        draining.add_done_callback(resume)

    def request_started(self, request: web.BaseRequest) -> None:
        """Note that the head of a request has been read."""
        self._request = request
        self._head = 0

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Respond to a request that aiohttp could not parse. The response does not say why."""
        if isinstance(exc, ConnectionError):
            raise exc
        if status >= 500:
            log.error("request failed outside of the filters", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the response has already begun")
        return self.refuse(_BAD_REQUEST if status < 500 else b"500 Internal Server Error")

    def refuse(self, status: bytes = _BAD_REQUEST) -> web.StreamResponse:
        """Respond in plain text, as Go's HTTP server does to what is not HTTP, and close.

        ``status`` is the code and its phrase.
        """
        if self.transport is not None:
            body = b"" if self._without_body else status
            self.transport.write(_REFUSAL % status + body)
        self.force_close()
        return DetachedResponse()

    def _abort(self) -> None:
        # Otherwise the kernel keeps the connection as long as the client's machine answers.
        if self.transport is not None:
            log.info("closing connection: client does not read")
            self.transport.abort()


def _anchor(connection: Any, der: bytes) -> bytes:
    """Return the trusted certificate by which TLS has verified a client, empty if it is unknown."""
    # Public from Python 3.13 on.
    chain = getattr(connection, "get_verified_chain", None)
    if chain is None:
        own = getattr(connection, "_sslobj", None)
        found = own.get_verified_chain() if own is not None else None
        anchor = found[-1].public_bytes(_DER) if found else b""
    else:
        found = chain()
        anchor = found[-1] if found else b""
    if anchor:
        _remember(der, anchor)
    # A session that is resumed is not verified again.
    return anchor or _anchors.get(der, b"")


def _remember(der: bytes, anchor: bytes) -> None:
    if len(_anchors) >= _MOST_ANCHORS:
        del _anchors[next(iter(_anchors))]
    _anchors[der] = anchor
