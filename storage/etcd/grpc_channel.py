"""GRPCChannel: gRPC calls to one server over one HTTP/2 connection.

It implements what etcd needs: calls with one request and one response, and calls with a stream of
each. A message is preceded by five bytes: 0 for uncompressed, and its length. The status follows
the response in its trailers (gRPC over HTTP/2, "Responses").

The channel connects in the background for as long as it is asked whether it is ready. It never
sends a request again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from storage.etcd import http2
from storage.etcd.grpc_status import CallError, StatusCode, call_error
from storage.etcd.http2_connection import HTTP2Connection
from storage.valueclass import valueclass

DEFAULT_PORT: Final = 2379
#: How long an attempt to connect may take, in seconds.
CONNECT_TIMEOUT: Final = 2.0
#: The pause between two attempts, which doubles up to the maximum, in seconds.
RECONNECT_DELAY: Final = 0.1
MAX_RECONNECT_DELAY: Final = 1.0

_PREFIX: Final = 5


@valueclass
class TLSFiles:
    """Paths of the certificate files for https endpoints; an empty path means none."""

    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""


class GRPCChannel:
    """Calls to ``http://host:port``, ``https://host:port`` or ``unix:///path``.

    The path of a socket in the abstract namespace of Linux begins with ``/@``. ``metadata`` is sent
    with every call; ``package`` is that of the services. Raises ValueError for other URLs.
    """

    def __init__(
        self,
        endpoint: str,
        files: TLSFiles,
        metadata: Mapping[str, str],
        package: str = "etcdserverpb",
    ) -> None:
        parts = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
        self._path = parts.path if parts.scheme == "unix" else ""
        if not self._path and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError(f"not an etcd endpoint: {endpoint}")
        self._host = parts.hostname or ""
        self._port = parts.port or DEFAULT_PORT
        self._tls = _tls_context(files) if parts.scheme == "https" else None
        self._authority = "localhost" if self._path else parts.netloc.rpartition("@")[2]
        self._package = package
        self._metadata = dict(metadata)
        self._blocks: dict[str, bytes] = {}
        self._connection: HTTP2Connection | None = None
        # The open connections: the current one, and those that finish their last calls.
        self._open: set[HTTP2Connection] = set()
        self._connecting: asyncio.Task[None] | None = None
        self._closed = False
        #: Why the last attempt to connect failed.
        self.failure = ""

    @property
    def ready(self) -> bool:
        """Whether the channel is connected. If it is not, it begins to connect."""
        connection = self._connection
        if connection is not None and connection.accepting:
            return True
        if self._connecting is None and not self._closed:
            self._connecting = asyncio.create_task(self._connect(), name="grpc-connect")
        return False

    async def wait_until_ready(self, timeout: float) -> bool:
        """Return whether the channel is connected, at most ``timeout`` seconds later."""
        if not self.ready and self._connecting is not None:
            await asyncio.wait([self._connecting], timeout=timeout)
        return self.ready

    async def call(self, method: str, request: bytes, timeout: float) -> bytes:
        """Send a request and return the response. Raises CallError; ``timeout`` is in seconds."""
        connection = self._ready_connection()
        call = _Call(connection)
        call.start(self._block(method))
        call.send(request, end=True)
        timer = asyncio.get_running_loop().call_later(timeout, call.expire)
        try:
            return await call.response
        finally:
            timer.cancel()
            call.cancel()

    def stream(self, method: str) -> GRPCStream:
        """Begin a call with a stream of requests and one of responses. Raises CallError."""
        stream = GRPCStream(self._ready_connection())
        stream.start(self._block(method))
        return stream

    async def close(self) -> None:
        """Close the connection; calls in progress fail."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        for connection in list(self._open):
            connection.close()

    def _ready_connection(self) -> HTTP2Connection:
        if not self.ready or self._connection is None:
            raise CallError(StatusCode.UNAVAILABLE, self.failure or "not connected")
        return self._connection

    def _block(self, method: str) -> bytes:
        block = self._blocks.get(method)
        if block is None:
            block = self._blocks[method] = http2.encode_headers(
                [
                    (":method", "POST"),
                    (":scheme", "https" if self._tls else "http"),
                    (":path", f"/{self._package}.{method}"),
                    (":authority", self._authority),
                    ("content-type", "application/grpc"),
                    ("te", "trailers"),
                    *self._metadata.items(),
                ]
            )
        return block

    async def _connect(self) -> None:
        delay = RECONNECT_DELAY
        try:
            while not await self._connected():
                await asyncio.sleep(delay)
                delay = min(2 * delay, MAX_RECONNECT_DELAY)
        finally:
            self._connecting = None

    async def _connected(self) -> bool:
        loop = asyncio.get_running_loop()
        settled: asyncio.Future[None] = loop.create_future()

        def changed() -> None:
            if not settled.done():
                settled.set_result(None)
            if connection.closed:
                self._open.discard(connection)

        connection = HTTP2Connection(changed)
        self._open.add(connection)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                if self._path:
                    await loop.create_unix_connection(lambda: connection, _socket(self._path))
                else:
                    await loop.create_connection(
                        lambda: connection, self._host, self._port, ssl=self._tls
                    )
                # The server's settings show that it speaks HTTP/2.
                await settled
        except (OSError, TimeoutError) as error:
            self.failure = str(error) or "it does not answer"
            connection.close()
            return False
        except BaseException:
            connection.close()
            raise
        if not connection.accepting:
            self.failure = "it closed the connection"
            return False
        previous, self._connection = self._connection, connection
        if previous is not None:
            # It had no stream left; those that it has finish there.
            previous.drain()
        return True


class _Response:
    """The response of a call: its messages and its status."""

    def __init__(self, connection: HTTP2Connection) -> None:
        self._connection = connection
        self._id = 0
        self._buffer = bytearray()
        self._begun = False
        self._status: CallError | None = None

    def start(self, block: bytes) -> None:
        """Send the headers of the request. Raises CallError."""
        try:
            self._id = self._connection.open(self, block)
        except ConnectionError as error:
            raise CallError(StatusCode.UNAVAILABLE, str(error)) from error

    def send(self, message: bytes, *, end: bool = False) -> None:
        """Send a message, the last one if ``end``."""
        prefix = len(message).to_bytes(_PREFIX)
        self._connection.send(self._id, prefix + message, end=end)

    def cancel(self) -> None:
        """End the call if it has not ended."""
        self._connection.cancel(self._id)

    def consumed(self, size: int) -> None:
        """Let the server send ``size`` bytes more."""
        self._connection.consumed(self._id, size)

    def headers_received(self, headers: Mapping[str, str]) -> None:
        status = headers.get("grpc-status")
        if status is not None:
            self._status = call_error(status, headers.get("grpc-message", ""))
        elif not self._begun and headers.get(":status") != "200":
            found = f"the server answers with the HTTP status {headers.get(':status')}"
            self._status = CallError(StatusCode.UNAVAILABLE, found)
        self._begun = True

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        if not buffer and len(data) == _PREFIX + int.from_bytes(data[1:_PREFIX]):
            self.message_received(data[_PREFIX:])
            return
        buffer += data
        start = 0
        while len(buffer) - start >= _PREFIX and len(buffer) >= (
            end := start + _PREFIX + _length(buffer, start)
        ):
            self.message_received(bytes(buffer[start + _PREFIX : end]))
            start = end
        del buffer[:start]

    def message_received(self, message: bytes) -> None:
        """Take the next message."""
        raise NotImplementedError

    def ended(self, error: Exception | None) -> None:
        """Take the end of the response."""
        raise NotImplementedError

    def failure(self, error: Exception | None) -> CallError | None:
        """Return why the call has failed, ``None`` if it has not.

        ``error`` is that of the connection.
        """
        status = self._status
        if status is None:
            if error is not None:
                return CallError(StatusCode.UNAVAILABLE, str(error))
            return CallError(StatusCode.UNKNOWN, "the response has no status")
        return None if status.code is StatusCode.OK else status


class _Call(_Response):
    """A call with one request and one response."""

    def __init__(self, connection: HTTP2Connection) -> None:
        super().__init__(connection)
        self._message: bytes | None = None
        self.response: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.consumed(len(data))
        super().data_received(data)

    def message_received(self, message: bytes) -> None:
        self._message = message

    def ended(self, error: Exception | None) -> None:
        if self.response.done():
            return
        failure = self.failure(error)
        if failure is not None:
            self.response.set_exception(failure)
        elif self._message is None:
            self.response.set_exception(CallError(StatusCode.UNKNOWN, "there is no response"))
        else:
            self.response.set_result(self._message)

    def expire(self) -> None:
        """Fail because the response takes too long."""
        if not self.response.done():
            self.cancel()
            expired = CallError(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
            self.response.set_exception(expired)


class GRPCStream(_Response):
    """A call with a stream of requests and one of responses."""

    def __init__(self, connection: HTTP2Connection) -> None:
        super().__init__(connection)
        self._messages: deque[bytes] = deque()
        # The size of what was received and does not count as read.
        self._held = 0
        self._waiting: asyncio.Future[None] | None = None
        self._end: CallError | None = None

    def write(self, message: bytes) -> None:
        """Send a message. Raises CallError if the call has ended."""
        if self._end is not None:
            raise self._end
        self.send(message)

    async def read(self) -> bytes:
        """Return the next message. Raises CallError after the last one."""
        while not self._messages:
            if self._end is not None:
                raise self._end
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        message = self._messages.popleft()
        self._release()
        return message

    def data_received(self, data: bytes) -> None:
        self._held += len(data)
        super().data_received(data)
        self._release()

    def message_received(self, message: bytes) -> None:
        self._messages.append(message)
        self._wake()

    def ended(self, error: Exception | None) -> None:
        ended = CallError(StatusCode.UNAVAILABLE, "the server ended the stream")
        self._end = self.failure(error) or ended
        self._wake()

    def _release(self) -> None:
        # One unread message may be larger than the window, so it must not stop the server.
        if self._held and len(self._messages) <= 1:
            self.consumed(self._held)
            self._held = 0

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def _socket(path: str) -> str:
    return f"\0{path[2:]}" if path.startswith("/@") else path


def _length(buffer: bytearray, start: int) -> int:
    return int.from_bytes(buffer[start + 1 : start + _PREFIX])


def _tls_context(files: TLSFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.cafile or None)
    if files.certfile:
        context.load_cert_chain(files.certfile, files.keyfile or None)
    context.set_alpn_protocols(["h2"])
    return context
