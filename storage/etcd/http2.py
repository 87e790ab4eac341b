"""HTTP/2 frames (RFC 9113) and header blocks (RFC 7541), as a client needs them. Pure.

Header blocks are encoded and decoded once for equal headers: this client adds no entries to the
dynamic table, and it asks the server for a table of size 0. Then a block depends on no earlier one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import hpack

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Types of frames.
DATA: Final = 0
HEADERS: Final = 1
RST_STREAM: Final = 3
SETTINGS: Final = 4
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

# Flags of frames.
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY: Final = 0x20

# Settings.
HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5

# Error codes.
NO_ERROR: Final = 0
CANCEL: Final = 8

#: The default size of the flow-control window of a connection and of a stream, in bytes.
DEFAULT_WINDOW: Final = 65_535
#: The default maximum size of the payload of a frame, in bytes.
DEFAULT_FRAME: Final = 16_384
MAX_STREAM_ID: Final = 2**31 - 1

_HEADER: Final = struct.Struct(">HBBBI")
_SETTING: Final = struct.Struct(">HI")
_UINT32: Final = struct.Struct(">I")
# A frame is longer than the default only if this side announces it, and it does not.
_LONGEST_HEADER_BLOCK: Final = 1 << 20
_MAX_CACHED: Final = 256


class ProtocolError(ConnectionError):
    """The server violates the protocol."""


class Frame(NamedTuple):
    """A received frame."""

    kind: int
    flags: int
    stream: int
    payload: bytes


def encode_frame(kind: int, flags: int, stream: int, payload: bytes | memoryview = b"") -> bytes:
    """Return a frame to send."""
    size = len(payload)
    return _HEADER.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


def encode_settings(settings: Mapping[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    payload = b"".join(_SETTING.pack(*setting) for setting in settings.items())
    return encode_frame(SETTINGS, 0, 0, payload)


def decode_settings(payload: bytes) -> dict[int, int]:
    """Return the settings in the payload of a SETTINGS frame. Raises ProtocolError."""
    if len(payload) % _SETTING.size:
        raise ProtocolError("a SETTINGS frame of a wrong size")
    return dict(_SETTING.iter_unpack(payload))


def encode_uint32(number: int) -> bytes:
    """Return the payload of a WINDOW_UPDATE or RST_STREAM frame."""
    return _UINT32.pack(number)


def decode_uint32(payload: bytes, at: int = 0) -> int:
    """Return a number of 31 bits in a payload. Raises ProtocolError."""
    if len(payload) < at + 4:
        raise ProtocolError("a frame is too short")
    number: int = _UINT32.unpack_from(payload, at)[0]
    return number & MAX_STREAM_ID


def read_frames(data: bytes) -> tuple[list[Frame], bytes]:
    """Return the frames that ``data`` begins with, and the rest. Raises ProtocolError."""
    frames: list[Frame] = []
    start, size = 0, len(data)
    while size - start >= _HEADER.size:
        high, low, kind, flags, stream = _HEADER.unpack_from(data, start)
        length = high << 8 | low
        if length > DEFAULT_FRAME:
            raise ProtocolError(f"a frame of {length} bytes")
        end = start + _HEADER.size + length
        if end > size:
            break
        payload = data[start + _HEADER.size : end]
        frames.append(Frame(kind, flags, stream & MAX_STREAM_ID, payload))
        start = end
    return frames, data[start:] if start else data


def unpadded(frame: Frame) -> bytes:
    """Return the content of a DATA or HEADERS frame. Raises ProtocolError."""
    payload, flags = frame.payload, frame.flags
    if not flags & (PADDED | PRIORITY):
        return payload
    start, end = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise ProtocolError("a padded frame without a length")
        start, end = 1, end - payload[0]
    if frame.kind == HEADERS and flags & PRIORITY:
        start += 5
    if start > end:
        raise ProtocolError("a frame has more padding than content")
    return payload[start:end]


def check_block_size(block: bytes) -> None:
    """Raise ProtocolError for a header block that is too large to be one."""
    if len(block) > _LONGEST_HEADER_BLOCK:
        raise ProtocolError(f"a header block of more than {_LONGEST_HEADER_BLOCK} bytes")


def encode_headers(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a header block of literals that are not indexed (RFC 7541, section 6.2.2)."""
    return b"".join(
        b"\x00" + _string(name.encode("ascii")) + _string(value.encode("ascii"))
        for name, value in headers
    )


class HeaderDecoder:
    """Decodes the header blocks of one connection."""

    def __init__(self) -> None:
        self._decoder = hpack.Decoder(max_header_list_size=_LONGEST_HEADER_BLOCK)
        self._known: dict[bytes, Mapping[str, str]] = {}
        # Whether a block depends on no earlier one.
        self._independent = False

    def decode(self, block: bytes) -> Mapping[str, str]:
        """Return the headers of a block. Raises ProtocolError."""
        known = self._known.get(block)
        if known is not None and self._independent:
            return known
        try:
            decoded = self._decoder.decode(block, raw=True)
        except hpack.HPACKError as error:
            raise ProtocolError(f"a header block cannot be decoded: {error}") from error
        self._independent = self._decoder.header_table_size == 0
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in decoded}
        if len(self._known) < _MAX_CACHED:
            self._known[block] = headers
        return headers


def _string(data: bytes) -> bytes:
    # The length is an integer with a prefix of seven bits (RFC 7541, section 5.1).
    size = len(data)
    if size < 0x7F:
        return bytes([size]) + data
    size -= 0x7F
    prefix = bytearray([0x7F])
    while size >= 0x80:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + data
