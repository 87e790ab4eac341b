"""One connection of the HTTP/2 client, against a server that a test scripts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, cast

import hpack
import pytest

from storage.etcd import http2, http2_connection
from storage.etcd.http2 import Frame
from storage.etcd.http2_connection import HTTP2Connection, NotSent

BLOCK = http2.encode_headers([(":method", "POST")])


class Transport:
    """Keeps what the client writes."""

    def __init__(self) -> None:
        self.written = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True


class Received:
    """What a stream has received."""

    def __init__(self) -> None:
        self.headers: list[Mapping[str, str]] = []
        self.data = b""
        self.end: list[Exception | None] = []

    def headers_received(self, headers: Mapping[str, str]) -> None:
        self.headers.append(headers)

    def data_received(self, data: bytes) -> None:
        self.data += data

    def ended(self, error: Exception | None) -> None:
        self.end.append(error)


class Peer:
    """A connection, and the server at its other end."""

    def __init__(self, settings: Mapping[int, int] | None = None) -> None:
        self.changes = 0
        self.transport = Transport()
        self.connection = HTTP2Connection(self._changed)
        self.connection.connection_made(cast("Any", self.transport))
        self._encoder = hpack.Encoder()
        self._encoder.header_table_size = 0
        self.connection.data_received(http2.encode_settings(settings or {}))

    def _changed(self) -> None:
        self.changes += 1

    def send(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        self.connection.data_received(http2.encode_frame(kind, flags, stream, payload))

    def headers(self, stream: int, flags: int, **headers: str) -> None:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        self.send(http2.HEADERS, flags, stream, self._encoder.encode(named))

    async def frames(self) -> list[Frame]:
        """Return what the client has sent since the last call, without the preface."""
        await asyncio.sleep(0)
        data, self.transport.written = self.transport.written, b""
        frames, rest = http2.read_frames(data.removeprefix(http2.PREFACE))
        assert not rest
        return frames


async def kinds(peer: Peer) -> list[int]:
    return [frame.kind for frame in await peer.frames()]


async def test_it_begins_with_settings_and_confirms_those_of_the_server() -> None:
    peer = Peer()
    frames = await peer.frames()
    assert [(frame.kind, frame.flags) for frame in frames] == [
        (http2.SETTINGS, 0), (http2.WINDOW_UPDATE, 0), (http2.SETTINGS, http2.ACK)
    ]  # fmt: skip
    assert http2.decode_settings(frames[0].payload)[http2.HEADER_TABLE_SIZE] == 0
    assert peer.connection.accepting
    peer.connection.close()


async def test_what_is_sent_in_one_turn_is_written_together() -> None:
    peer = Peer()
    await peer.frames()
    for _ in range(2):
        stream = peer.connection.open(Received(), BLOCK)
        peer.connection.send(stream, b"body", end=True)
    assert peer.transport.written == b""
    frames = await peer.frames()
    assert [(frame.kind, frame.stream) for frame in frames] == [
        (http2.HEADERS, 1), (http2.DATA, 1), (http2.HEADERS, 3), (http2.DATA, 3)
    ]  # fmt: skip
    peer.connection.close()


async def test_a_response_is_its_headers_its_data_and_its_trailers() -> None:
    peer, received = Peer(), Received()
    stream = peer.connection.open(received, BLOCK)
    peer.headers(stream, http2.END_HEADERS, x_a="1")
    peer.send(http2.DATA, http2.PADDED, stream, b"\x01abc.")
    peer.headers(stream, http2.END_HEADERS | http2.END_STREAM, grpc_status="0")
    assert received.headers == [{"x-a": "1"}, {"grpc-status": "0"}]
    assert (received.data, received.end) == (b"abc", [None])
    peer.connection.close()
    assert received.end == [None]


async def test_headers_may_continue_in_other_frames() -> None:
    peer, received = Peer(), Received()
    stream = peer.connection.open(received, BLOCK)
    block = http2.encode_headers([("x-a", "1"), ("x-b", "2")])
    peer.send(http2.HEADERS, http2.END_STREAM, stream, block[:5])
    peer.send(http2.CONTINUATION, 0, stream, block[5:9])
    assert received.end == []
    peer.send(http2.CONTINUATION, http2.END_HEADERS, stream, block[9:])
    assert (received.headers, received.end) == ([{"x-a": "1", "x-b": "2"}], [None])
    peer.connection.close()


async def test_no_more_is_sent_than_the_server_accepts() -> None:
    peer = Peer({http2.INITIAL_WINDOW_SIZE: 10, http2.MAX_FRAME_SIZE: 16_384})
    await peer.frames()
    stream = peer.connection.open(Received(), BLOCK)
    peer.connection.send(stream, b"0123456789abcdef", end=True)
    sent = (await peer.frames())[1:]
    assert [(frame.payload, frame.flags) for frame in sent] == [(b"0123456789", 0)]
    peer.send(http2.WINDOW_UPDATE, 0, stream, http2.encode_uint32(2))
    peer.connection.data_received(http2.encode_settings({http2.INITIAL_WINDOW_SIZE: 100}))
    sent = [frame for frame in await peer.frames() if frame.kind == http2.DATA]
    assert [(frame.payload, frame.flags) for frame in sent] == [
        (b"ab", 0), (b"cdef", http2.END_STREAM)
    ]  # fmt: skip
    peer.connection.close()


async def test_large_bodies_are_split_and_wait_for_the_window_of_the_connection() -> None:
    peer = Peer({http2.INITIAL_WINDOW_SIZE: 1 << 20})
    await peer.frames()
    stream = peer.connection.open(Received(), BLOCK)
    body = bytes(range(256)) * 400
    peer.connection.send(stream, body, end=True)
    sent = b"".join(frame.payload for frame in (await peer.frames())[1:])
    assert sent == body[: http2.DEFAULT_WINDOW]
    peer.send(http2.WINDOW_UPDATE, 0, 0, http2.encode_uint32(1 << 20))
    rest = await peer.frames()
    assert sent + b"".join(frame.payload for frame in rest) == body
    assert rest[-1].flags == http2.END_STREAM
    peer.connection.close()


async def test_what_a_large_body_costs_grows_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = 0

    def encode_frame(kind: int, flags: int, stream: int, payload: Any = b"") -> bytes:
        nonlocal copied
        # A view is of the body itself; bytes have been copied from it.
        copied += isinstance(payload, bytes) and kind == http2.DATA
        return encode(kind, flags, stream, payload)

    encode = http2.encode_frame
    monkeypatch.setattr(http2, "encode_frame", encode_frame)
    peer = Peer({http2.INITIAL_WINDOW_SIZE: 1 << 20})
    peer.send(http2.WINDOW_UPDATE, 0, 0, http2.encode_uint32(1 << 20))
    stream = peer.connection.open(Received(), BLOCK)
    peer.connection.send(stream, bytes(1 << 20), end=True)
    assert (copied, peer.connection._blocked) == (0, deque())
    peer.connection.close()


async def test_the_server_may_send_more_when_its_data_is_read() -> None:
    peer, received = Peer(), Received()
    stream = peer.connection.open(received, BLOCK)
    await peer.frames()
    half = http2_connection.STREAM_WINDOW // 2
    peer.connection.consumed(stream, half - 1)
    assert await peer.frames() == []
    peer.connection.consumed(stream, 1)
    (update,) = await peer.frames()
    assert (update.kind, update.stream) == (http2.WINDOW_UPDATE, stream)
    assert http2.decode_uint32(update.payload) == half
    peer.connection.close()


async def test_a_cancelled_stream_hears_nothing_more() -> None:
    peer, received = Peer(), Received()
    stream = peer.connection.open(received, BLOCK)
    await peer.frames()
    peer.connection.cancel(stream)
    assert await kinds(peer) == [http2.RST_STREAM]
    peer.headers(stream, http2.END_HEADERS, x_a="1")
    peer.send(http2.DATA, http2.END_STREAM, stream, b"late")
    peer.connection.cancel(stream)
    assert (received.headers, received.data, received.end) == ([], b"", [])
    assert await kinds(peer) == []
    peer.connection.close()


async def test_a_server_that_goes_away_finishes_what_it_has_begun() -> None:
    peer, first, second = Peer(), Received(), Received()
    streams = [peer.connection.open(received, BLOCK) for received in (first, second)]
    last = http2.encode_uint32(streams[0]) + http2.encode_uint32(http2.NO_ERROR)
    peer.send(http2.GOAWAY, 0, 0, last)
    (error,) = second.end
    assert isinstance(error, NotSent)
    assert not peer.connection.accepting
    with pytest.raises(NotSent):
        peer.connection.open(Received(), BLOCK)
    assert not peer.connection.closed
    peer.headers(streams[0], http2.END_HEADERS | http2.END_STREAM, grpc_status="0")
    assert first.end == [None]
    assert peer.connection.closed
    assert peer.transport.aborted


async def test_no_more_streams_are_opened_than_the_server_allows() -> None:
    peer = Peer({http2.MAX_CONCURRENT_STREAMS: 1})
    stream = peer.connection.open(Received(), BLOCK)
    assert not peer.connection.accepting
    peer.connection.cancel(stream)
    assert peer.connection.accepting
    peer.connection.close()


async def test_the_last_stream_of_a_connection_drains_it() -> None:
    peer, received = Peer(), Received()
    peer.connection._next_id = http2.MAX_STREAM_ID
    stream = peer.connection.open(received, BLOCK)
    assert stream == http2.MAX_STREAM_ID
    assert not peer.connection.accepting
    peer.headers(stream, http2.END_HEADERS | http2.END_STREAM, grpc_status="0")
    assert received.end == [None]
    assert peer.connection.closed


async def test_a_reset_or_a_lost_connection_ends_its_streams() -> None:
    peer, first, second = Peer(), Received(), Received()
    stream = peer.connection.open(first, BLOCK)
    peer.connection.open(second, BLOCK)
    peer.send(http2.RST_STREAM, 0, stream, http2.encode_uint32(2))
    assert isinstance(first.end[0], ConnectionResetError)
    peer.connection.connection_lost(None)
    assert isinstance(second.end[0], ConnectionResetError)
    assert peer.connection.closed


async def test_malformed_frames_end_the_connection() -> None:
    peer, received = Peer(), Received()
    peer.connection.open(received, BLOCK)
    peer.send(http2.WINDOW_UPDATE, 0, 0, b"")
    assert isinstance(received.end[0], http2.ProtocolError)
    assert peer.transport.aborted


async def test_pings_are_answered() -> None:
    peer = Peer()
    await peer.frames()
    peer.send(http2.PING, 0, 0, b"12345678")
    peer.send(http2.PING, http2.ACK, 0, b"12345678")
    assert await peer.frames() == [Frame(http2.PING, http2.ACK, 0, b"12345678")]
    peer.connection.close()


async def test_a_silent_server_is_asked_and_then_given_up() -> None:
    peer, received = Peer(), Received()
    await peer.frames()
    connection = peer.connection
    connection._last_received -= http2_connection.PING_AFTER
    connection._check()
    # etcd closes connections that send pings without requests.
    assert await kinds(peer) == []
    stream = connection.open(received, BLOCK)
    await peer.frames()
    connection._check()
    assert await kinds(peer) == [http2.PING]
    peer.send(http2.PING, http2.ACK, 0, bytes(8))
    connection._check()
    assert not connection.closed
    connection._last_received -= http2_connection.PING_AFTER
    connection._check()
    connection._check()
    assert connection.closed
    assert isinstance(received.end[0], TimeoutError)
    assert stream == 1
