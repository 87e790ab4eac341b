"""HTTP2Connection: one connection of an HTTP/2 client, with its streams.

A stream is a request and its response. The connection writes what several requests send in one turn
of the event loop together. It observes the flow control of both directions: what the server does
not accept yet waits here, and a reader that does not take the data of its stream stops the server.
A server that does not answer pings is disconnected.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol, cast

from storage.etcd import http2
from storage.etcd.http2 import Frame, ProtocolError

#: The size of the window of each stream, in bytes: so much may be received and not yet be read.
STREAM_WINDOW: Final = 4 * 1024 * 1024
#: The size of the window of the connection, which does not limit a stream.
CONNECTION_WINDOW: Final = http2.MAX_STREAM_ID
#: A ping is sent after so many seconds without data. etcd accepts one every five seconds.
PING_AFTER: Final = 6.0
#: A connection is closed if a ping is not answered for so many seconds.
PING_TIMEOUT: Final = 3.0

_SETTINGS: Final = {
    http2.HEADER_TABLE_SIZE: 0,
    http2.ENABLE_PUSH: 0,
    http2.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
}


class NotSent(ConnectionError):
    """The server has not processed a request and never will."""


class Receiver(Protocol):
    """Receives the response on a stream."""

    def headers_received(self, headers: Mapping[str, str]) -> None:
        """Take the headers, or the trailers, of the response."""

    def data_received(self, data: bytes) -> None:
        """Take a part of the body, and call `HTTP2Connection.consumed` when it has been read."""

    def ended(self, error: Exception | None) -> None:
        """Take the end of the response: ``None`` if it is complete. Called once."""


class _Stream:
    __slots__ = ("block", "consumed", "ends", "receiver", "window")

    def __init__(self, receiver: Receiver, window: int) -> None:
        self.receiver = receiver
        # How many bytes may be sent.
        self.window = window
        # How many bytes have been read since the server was last told.
        self.consumed = 0
        # The header block that is being received, and whether the stream ends with it.
        self.block = b""
        self.ends = False


class HTTP2Connection(asyncio.Protocol):
    """A connection. ``changed`` is called when `accepting` may have changed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._decoder = http2.HeaderDecoder()
        self._rest = b""
        self._streams: dict[int, _Stream] = {}
        self._next_id = 1
        self._settled = False
        self._draining = False
        self._closed = False
        self._most_streams = http2.MAX_STREAM_ID
        self._window = http2.DEFAULT_WINDOW
        self._stream_window = http2.DEFAULT_WINDOW
        self._frame_size = http2.DEFAULT_FRAME
        # What the server's flow control does not admit yet: streams, data, and whether they end.
        self._blocked: deque[tuple[int, memoryview, bool]] = deque()
        self._received = 0
        self._out: list[bytes] = []
        self._last_received = 0.0
        self._pinged = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def accepting(self) -> bool:
        """Whether requests can be sent."""
        return (
            self._settled
            and not self._draining
            and not self._closed
            and len(self._streams) < self._most_streams
        )

    @property
    def closed(self) -> bool:
        """Whether the connection is lost or closed."""
        return self._closed

    def open(self, receiver: Receiver, block: bytes) -> int:
        """Send the header block of a request; return the id of its stream. Raises NotSent."""
        if not self.accepting:
            raise NotSent("the connection accepts no requests")
        stream_id = self._next_id
        self._next_id += 2
        self._streams[stream_id] = _Stream(receiver, self._stream_window)
        self._write(http2.encode_frame(http2.HEADERS, http2.END_HEADERS, stream_id, block))
        if self._next_id > http2.MAX_STREAM_ID:
            self.drain()
        return stream_id

    def send(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        """Send a part of a request's body, its last one if ``end``."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        size = len(data)
        if self._blocked or size > min(self._window, stream.window, self._frame_size):
            # Slicing a view into frames does not copy the rest.
            self._blocked.append((stream_id, memoryview(data), end))
            self._unblock()
            return
        self._send(stream_id, stream, data, end=end)

    def consumed(self, stream_id: int, size: int) -> None:
        """Tell the server that ``size`` bytes of a response have been read."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        stream.consumed += size
        if stream.consumed >= STREAM_WINDOW // 2:
            self._grant(stream_id, stream.consumed)
            stream.consumed = 0

    def cancel(self, stream_id: int) -> None:
        """End a stream; its receiver is not called again."""
        if self._streams.pop(stream_id, None) is None:
            return
        code = http2.encode_uint32(http2.CANCEL)
        self._write(http2.encode_frame(http2.RST_STREAM, 0, stream_id, code))
        self._left()

    def drain(self) -> None:
        """Accept no more requests, and close the connection after those in progress."""
        self._draining = True
        self._changed()
        self._left()

    def close(self) -> None:
        """Close the connection; streams that are open fail."""
        self._lose(ConnectionResetError("the connection is closed"))

    # Callbacks of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of uvloop do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._write(http2.PREFACE + http2.encode_settings(_SETTINGS))
        self._grant(0, CONNECTION_WINDOW - http2.DEFAULT_WINDOW)
        self._last_received = self._loop.time()
        self._timer = self._loop.call_later(PING_AFTER, self._check)

    def data_received(self, data: bytes) -> None:
        self._last_received = self._loop.time()
        try:
            frames, self._rest = http2.read_frames(self._rest + data if self._rest else data)
            for frame in frames:
                self._receive(frame)
        except ProtocolError as error:
            self._lose(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(exc or ConnectionResetError("the server closed the connection"))

    # Receiving.

    def _receive(self, frame: Frame) -> None:
        kind = frame.kind
        if kind == http2.DATA:
            self._receive_data(frame)
        elif kind in (http2.HEADERS, http2.CONTINUATION):
            self._receive_headers(frame)
        elif kind == http2.WINDOW_UPDATE:
            self._receive_window(frame)
        elif kind == http2.SETTINGS:
            self._receive_settings(frame)
        elif kind == http2.PING:
            if not frame.flags & http2.ACK:
                self._write(http2.encode_frame(http2.PING, http2.ACK, 0, frame.payload))
            self._pinged = False
        elif kind == http2.RST_STREAM:
            code = http2.decode_uint32(frame.payload)
            self._end(frame.stream, ConnectionResetError(f"the server reset the stream: {code}"))
        elif kind == http2.GOAWAY:
            self._receive_goaway(frame)

    def _receive_data(self, frame: Frame) -> None:
        size = len(frame.payload)
        # Data of streams that were cancelled counts, too.
        self._received += size
        if self._received >= CONNECTION_WINDOW // 2:
            self._grant(0, self._received)
            self._received = 0
        stream = self._streams.get(frame.stream)
        if stream is None:
            return
        content = http2.unpadded(frame)
        if len(content) < size:
            self.consumed(frame.stream, size - len(content))
        if content:
            stream.receiver.data_received(content)
        if frame.flags & http2.END_STREAM:
            self._end(frame.stream, None)

    def _receive_headers(self, frame: Frame) -> None:
        stream = self._streams.get(frame.stream)
        if stream is None:
            # A stream that was cancelled. Its header block may change the state of the decoder.
            if frame.flags & http2.END_HEADERS and frame.kind == http2.HEADERS:
                self._decoder.decode(http2.unpadded(frame))
            return
        if frame.kind == http2.HEADERS:
            stream.block = http2.unpadded(frame)
            stream.ends = bool(frame.flags & http2.END_STREAM)
        else:
            stream.block += frame.payload
        if not frame.flags & http2.END_HEADERS:
            http2.check_block_size(stream.block)
            return
        block, stream.block = stream.block, b""
        stream.receiver.headers_received(self._decoder.decode(block))
        if stream.ends:
            self._end(frame.stream, None)

    def _receive_settings(self, frame: Frame) -> None:
        if frame.flags & http2.ACK:
            return
        settings = http2.decode_settings(frame.payload)
        self._most_streams = settings.get(http2.MAX_CONCURRENT_STREAMS, self._most_streams)
        self._frame_size = settings.get(http2.MAX_FRAME_SIZE, self._frame_size)
        window = settings.get(http2.INITIAL_WINDOW_SIZE, self._stream_window)
        for stream in self._streams.values():
            stream.window += window - self._stream_window
        self._stream_window = window
        self._write(http2.encode_frame(http2.SETTINGS, http2.ACK, 0))
        self._settled = True
        self._unblock()
        self._changed()

    def _receive_window(self, frame: Frame) -> None:
        more = http2.decode_uint32(frame.payload)
        if frame.stream == 0:
            self._window += more
        else:
            stream = self._streams.get(frame.stream)
            if stream is not None:
                stream.window += more
        if self._blocked:
            self._unblock()

    def _receive_goaway(self, frame: Frame) -> None:
        last = http2.decode_uint32(frame.payload)
        code = http2.decode_uint32(frame.payload, 4)
        for stream_id in [each for each in self._streams if each > last]:
            self._end(stream_id, NotSent(f"the server is going away: {code}"))
        self.drain()

    # Sending.

    def _send(
        self, stream_id: int, stream: _Stream, data: bytes | memoryview, *, end: bool
    ) -> None:
        self._window -= len(data)
        stream.window -= len(data)
        flags = http2.END_STREAM if end else 0
        self._write(http2.encode_frame(http2.DATA, flags, stream_id, data))

    def _unblock(self) -> None:
        blocked = self._blocked
        while blocked:
            stream_id, data, end = blocked[0]
            stream = self._streams.get(stream_id)
            if stream is None:
                blocked.popleft()
                continue
            size = min(len(data), self._window, stream.window, self._frame_size)
            if size <= 0 < len(data):
                return
            rest = data[size:]
            self._send(stream_id, stream, data[:size], end=end and not rest)
            if rest:
                blocked[0] = (stream_id, rest, end)
            else:
                blocked.popleft()

    def _grant(self, stream_id: int, size: int) -> None:
        payload = http2.encode_uint32(size)
        self._write(http2.encode_frame(http2.WINDOW_UPDATE, 0, stream_id, payload))

    def _write(self, data: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        data, self._out = b"".join(self._out), []
        if self._transport is not None and not self._closed:
            self._transport.write(data)

    # The end of streams and of the connection.

    def _end(self, stream_id: int, error: Exception | None) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            stream.receiver.ended(error)
            self._left()

    def _left(self) -> None:
        if self._draining and not self._streams:
            self.close()

    def _lose(self, error: Exception) -> None:
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        streams, self._streams = self._streams, {}
        self._blocked.clear()
        for stream in streams.values():
            stream.receiver.ended(error)
        self._changed()

    def _check(self) -> None:
        """Send a ping if the server is silent, and give up if it does not answer."""
        silent = self._loop.time() - self._last_received
        if self._pinged and silent >= PING_TIMEOUT:
            self._lose(TimeoutError("the server does not answer"))
            return
        delay = PING_AFTER - silent
        # Without streams etcd takes pings for an attack.
        if delay <= 0 and self._streams:
            self._pinged = True
            self._write(http2.encode_frame(http2.PING, 0, 0, bytes(8)))
            delay = PING_TIMEOUT
        self._timer = self._loop.call_later(max(delay, PING_TIMEOUT), self._check)
