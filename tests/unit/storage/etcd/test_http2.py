"""Frames and header blocks of HTTP/2."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.etcd import http2
from storage.etcd.http2 import Frame, ProtocolError

FRAMES = st.lists(
    st.builds(
        Frame,
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(0, http2.MAX_STREAM_ID),
        st.binary(max_size=300),
    ),
    max_size=5,
)


@given(FRAMES, st.lists(st.integers(1, 200), max_size=20))
def test_frames_are_read_however_they_arrive(frames: list[Frame], sizes: list[int]) -> None:
    data = b"".join(http2.encode_frame(*frame) for frame in frames)
    found, rest = [], b""
    for size in [*sizes, len(data)]:
        piece, data = data[:size], data[size:]
        complete, rest = http2.read_frames(rest + piece)
        found += complete
    assert (found, rest) == (frames, b"")


def test_a_frame_longer_than_allowed_is_an_error() -> None:
    data = http2.encode_frame(http2.DATA, 0, 1, bytes(http2.DEFAULT_FRAME + 1))
    with pytest.raises(ProtocolError):
        http2.read_frames(data[:9])


@pytest.mark.parametrize(
    ("kind", "flags", "payload", "content"),
    [
        (http2.DATA, 0, b"abc", b"abc"),
        (http2.DATA, http2.PADDED, b"\x02abc..", b"abc"),
        (http2.DATA, http2.PADDED, b"\x00", b""),
        (http2.DATA, http2.PADDED, b"\x03ab", None),
        (http2.DATA, http2.PADDED, b"", None),
        (http2.HEADERS, http2.PRIORITY, b"12345abc", b"abc"),
        (http2.HEADERS, http2.PRIORITY | http2.PADDED, b"\x0112345abc.", b"abc"),
        (http2.HEADERS, http2.PRIORITY, b"1234", None),
    ],
)
def test_padding_and_priority_are_no_content(
    kind: int, flags: int, payload: bytes, content: bytes | None
) -> None:
    frame = Frame(kind, flags, 1, payload)
    if content is None:
        with pytest.raises(ProtocolError):
            http2.unpadded(frame)
    else:
        assert http2.unpadded(frame) == content


def test_settings_come_back_as_they_were_sent() -> None:
    settings = {http2.INITIAL_WINDOW_SIZE: 1 << 30, http2.MAX_FRAME_SIZE: 20_000}
    (frame,), _ = http2.read_frames(http2.encode_settings(settings))
    assert http2.decode_settings(frame.payload) == settings
    with pytest.raises(ProtocolError):
        http2.decode_settings(frame.payload[:-1])
    with pytest.raises(ProtocolError):
        http2.decode_uint32(b"123")


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 300, 20_000])
def test_header_blocks_can_be_read_by_any_decoder(size: int) -> None:
    headers = [(":path", "/a"), ("x-long", "v" * size)]
    assert hpack.Decoder().decode(http2.encode_headers(headers), raw=False) == headers


@pytest.mark.parametrize("table_size", [0, 4096])
def test_header_blocks_are_decoded_whether_they_use_a_table_or_not(table_size: int) -> None:
    encoder, decoder = hpack.Encoder(), http2.HeaderDecoder()
    encoder.header_table_size = table_size
    for status in ("0", "0", "5", "0", "5"):
        headers = {"grpc-status": status, "grpc-message": f"message {status}"}
        assert decoder.decode(encoder.encode(list(headers.items()))) == headers


def test_a_malformed_header_block_is_an_error() -> None:
    with pytest.raises(ProtocolError):
        http2.HeaderDecoder().decode(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff")
    with pytest.raises(ProtocolError):
        http2.check_block_size(bytes((1 << 20) + 1))
