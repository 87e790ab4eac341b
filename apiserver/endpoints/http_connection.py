"""HTTPConnection: a client's connection as aiohttp serves it, with the limits of an API server.

Its requests are served in turn, in one task. Those that cannot be parsed get a plain 400 and are
neither passed on nor logged. Limits apply to the size of a request's head and to the time that a
client may leave a response unread. When the client disconnects, a read is cancelled, and a write
while it is in the filters or in admission, before which nothing is written; after that it
completes, so that no change is left half made.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, cast

from aiohttp import EMPTY_PAYLOAD, StreamReader, web
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import StreamWriter

from apiserver.access.authentication.client_certificate import client_certificate
from apiserver.access.authentication.x509 import Certificate
from apiserver.machinery import empties

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
#: A client may take so many seconds to send the rest of a body that is not read.
_LINGERING_SECONDS: Final = 10.0
#: The error for reading the body of a request after its response.
_ANSWERED: Final = web.PayloadAccessError()

# The maximum number of hijacked bytes that wait for their reader.
_MAX_HIJACKED: Final = 64 * 1024
_BAD_REQUEST: Final = b"400 Bad Request"
_TOO_LARGE: Final = b"431 Request Header Fields Too Large"
_REFUSAL: Final = (
    b"HTTP/1.1 %b\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
)

#: Returns the response to a request, which is given by its head and its body.
Serve: TypeAlias = Callable[
    [RawRequestMessage, StreamReader, "HTTPConnection"], Awaitable[web.StreamResponse]
]


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


class _Request(web.BaseRequest):
    """A request in the form of aiohttp. Its response names no software, as kube-apiserver's."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        # A proxied response may have the name of its backend.
        if response.headers.get("Server") == SERVER_SOFTWARE:
            del response.headers["Server"]


class HTTPConnection(web.RequestHandler):
    """An aiohttp connection with an optional client certificate and limited headers."""

    __slots__ = (
        "_certificate", "_content", "_ended", "_head", "_held", "_hijacked", "_message", "_stalled",
        "_waits", "_without_body", "busy", "cancellable", "task",
    )  # fmt: skip

    # The head of the request in progress.
    _message: RawRequestMessage

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
        # Whether reading is paused by a body that is not consumed fast enough.
        self._held = False
        # Whether the request that is being read has the method HEAD.
        self._without_body = False
        # The body of the request in progress, or of the last one.
        self._content: StreamReader = EMPTY_PAYLOAD
        self._stalled: asyncio.TimerHandle | None = None
        #: Whether a request is in progress.
        self.busy = False
        #: The task of the request in progress.
        self.task: asyncio.Task[Any] | None = None
        #: The same while it may be cancelled.
        self.cancellable: asyncio.Task[Any] | None = None
        self._waits = 0
        self._ended: asyncio.Future[None] | None = None

    @property
    def certificate(self) -> Certificate | None:
        """The client certificate verified by TLS."""
        return self._certificate

    @property
    def unused(self) -> bool:
        """Whether the head of the first request has not been read yet."""
        return self._request_count == 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._certificate = client_certificate(transport)

    def data_received(self, data: bytes) -> None:
        if self._hijacked is not None:
            self._hijacked.write(data)
            self._apply_backpressure(self._hijacked)
            return
        if not self.busy and self._content.is_eof():
            if self._head == 0:
                self._without_body = data.startswith(b"HEAD ")
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.refuse(_TOO_LARGE)
                return
        web.RequestHandler.data_received(self, data)

    @property
    def http(self) -> web.BaseRequest:
        """The request in progress in the form of aiohttp, which few of them need."""
        request = self._current_request
        if request is None:
            task, writer = cast("Any", self.task), StreamWriter(self, self._loop)
            request = self._current_request = _Request(
                self._message, self._content, self, writer, task, self._loop
            )
        return request

    async def start(self) -> None:
        """Serve the requests. aiohttp's own loop has a task for each, and options unused here."""
        handle = cast("Serve", self._request_handler)
        kept = not self._close
        while kept and not self._force_close:
            if not self._messages and not await self._arrival():
                break
            if not self._begin():
                self.refuse()
                break
            try:
                response = await handle(self._message, self._content, self)
                if not self._write(response):
                    await self._send(response)
            except Exception as error:  # noqa: BLE001 - the last place to catch it
                self._fail(error)
                break
            except BaseException:
                self.force_close()
                raise
            finally:
                self._end()
            if not self._content.is_eof():
                await self._discard()
            self._content.set_exception(_ANSWERED)
            kept = self._keep_open(response)
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        cancellable = self.cancellable
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if self._hijacked is not None:
            self._hijacked.close()
        if self._stalled is not None:
            self._stalled.cancel()
        super().connection_lost(exc)
        self._content.set_exception(exc or ConnectionResetError("the client has gone"))
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

    def pause_reading(self) -> None:
        self._held = True
        web.RequestHandler.pause_reading(self)

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002
        # aiohttp calls this for every body, and parses again even if nothing was held up.
        if self._held:
            self._held = not resume_parser
            web.RequestHandler.resume_reading(self, resume_parser)

    def hijack(self, writer: asyncio.StreamWriter) -> None:
        """Forward all further bytes from the client to ``writer``."""
        self._hijacked = writer
        # aiohttp keeps the bytes received after the head of the request, and then stops reading.
        early, self._message_tail = self._message_tail, b""
        if self._buffer_paused:
            self._resume_reading_for_buffer()
        if early:
            writer.write(early)
            self._apply_backpressure(writer)

    def release(self) -> None:
        """Stop forwarding, and close the connection after the response."""
        self._hijacked = None
        self.close()

    @contextmanager
    def cancelling(self) -> Iterator[None]:
        """Cancel the request in progress if the client disconnects during the block.

        Blocks may overlap: parts of a request wait at the same time.
        """
        if self.cancellable is not None and not self._waits:
            yield
            return
        if self.transport is None and self.task is not None:
            self.task.cancel()
        self._waits += 1
        self.cancellable = self.task
        try:
            yield
        finally:
            self._waits -= 1
            if not self._waits:
                self.cancellable = None

    def ended(self) -> asyncio.Future[None]:
        """Return a future of the end of the connection, TLS included."""
        if self._ended is None:
            self._ended = self._loop.create_future()
        return self._ended

    async def drained(self) -> None:
        """Wait until the client has read most of what was written."""
        await self._drain_helper()

    def _apply_backpressure(self, writer: asyncio.StreamWriter) -> None:
        transport = self.transport
        if transport is None or writer.transport.get_write_buffer_size() < _MAX_HIJACKED:
            return
        transport.pause_reading()
        draining = asyncio.ensure_future(writer.drain())

        def resume(done: asyncio.Future[None]) -> None:
            if done.exception() is None and not transport.is_closing():
                transport.resume_reading()

        draining.add_done_callback(resume)

    def refuse(self, status: bytes = _BAD_REQUEST) -> web.StreamResponse:
        """Respond in plain text, as Go's HTTP server does to what is not HTTP, and close.

        ``status`` is the code and its phrase.
        """
        if self.transport is not None:
            body = b"" if self._without_body else status
            self.transport.write(_REFUSAL % status + body)
        self.force_close()
        return DetachedResponse()

    async def _arrival(self) -> bool:
        """Wait for a request; return whether one arrived before the connection ended."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            if self._force_close or not self._close:
                raise
            return False
        finally:
            self._waiter = None
        return True

    def _begin(self) -> bool:
        """Take a request from the queue; return whether it is one, and not malformed."""
        message, self._content = self._messages.popleft()
        if not isinstance(message, RawRequestMessage):
            return False
        self._message = message
        self._head = 0
        self._request_in_progress = True
        self.task = self._task_handler or asyncio.current_task()
        # The queue has room for more now.
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        return True

    def _write(self, response: Any) -> bool:
        """Let a complete response write itself; return whether that has finished."""
        write = getattr(response, "write_to", None)
        if write is None or self._upgraded:
            return False
        write(self.transport, self._message)
        return not self._paused

    async def _send(self, response: web.StreamResponse) -> None:
        if self._upgraded:
            # If the upgrade was declined, these bytes are further requests.
            await self.finish_response(self.http, response, None)
        else:
            await response.prepare(self.http)
            await response.write_eof()

    def _end(self) -> None:
        # The TLS buffers are too large to wait for the collector of reference cycles.
        self.task = self._current_request = None
        self._request_in_progress = False
        empties.forget()
        if self._handler_waiter is not None:
            self._handler_waiter.set_result(None)

    def _keep_open(self, response: web.StreamResponse) -> bool:
        """Return whether the connection is kept for another request; limit the time till then."""
        self._keepalive = bool(response.keep_alive)
        if not self._keepalive or self._close or self._force_close:
            return False
        self._next_keepalive_close_time = due = self._loop.time() + IDLE_SECONDS
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(due, self._process_keepalive)
        return True

    async def _discard(self) -> None:
        """Read the rest of a body, for a limited time, to get to the next request."""
        try:
            async with asyncio.timeout(_LINGERING_SECONDS):
                while not self._content.is_eof() and not self._force_close:
                    await self._content.readany()
        except (OSError, web.RequestPayloadError):
            self.close()

    def _fail(self, error: Exception) -> None:
        if isinstance(error, ConnectionError):
            # The client has disconnected.
            return
        log.error("request failed outside of the filters", exc_info=error)
        if self._has_begun_response():
            self.force_close()
        else:
            self.refuse(b"500 Internal Server Error")

    def _has_begun_response(self) -> bool:
        return self._current_request is not None and self._current_request.writer.output_size > 0

    def _abort(self) -> None:
        # Otherwise the kernel keeps the connection as long as the client's machine answers.
        if self.transport is not None:
            log.info("closing connection: client does not read")
            self.transport.abort()
