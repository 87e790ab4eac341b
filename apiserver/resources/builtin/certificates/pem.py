"""PEM blocks as Kubernetes reads them (RFC 1421 and RFC 7468, as Go implements them).

What does not look like a block is text around blocks. A block begins at the start of a line, may
have headers, and ends with a line of the same type; one whose content is not base64 is none.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from apiserver.machinery.valueclasses import valueclass

_BEGIN: Final = re.compile(rb"(?:\A|\n)-----BEGIN ")
_HEADER: Final = re.compile(rb"[^\n:]*:[^\n]*(?:\n|\Z)")
_BLANKS: Final = b" \t\r\n"


@valueclass
class Block:
    """One block: type, whether it has headers, content, and the offset of the next line."""

    type: bytes
    has_headers: bool
    content: bytes
    rest: int


def decode(data: bytes, at: int = 0) -> Block | None:
    """Return the first block from the line ``at`` on, ``None`` if there is none."""
    # A block begins behind a line break, or at the very beginning.
    at = max(at - 1, 0)
    boundaries = _Boundaries(data)
    while begin := _BEGIN.search(data, at):
        line, at = _line(data, begin.end())
        if not line.endswith(b"-----"):
            # The line break before a block may be the one that ends this line.
            at = max(at - 1, begin.end())
            continue
        block = _block(boundaries, at, line.removesuffix(b"-----"))
        if block is not None:
            return block
        at = max(at - 1, begin.end())
    return None


class _Boundaries:
    """The ends of headers and blocks, found once for all possible beginnings."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._headers = (0, 0)
        self._end = 0

    def after_headers(self, at: int) -> int:
        """Return the end of the headers that begin with the line ``at``, if there are any."""
        start, end = self._headers
        if start <= at < end:
            return end
        end = at
        while header := _HEADER.match(self.data, end):
            end = header.end()
        self._headers = at, end
        return end

    def end(self, at: int) -> int:
        """Return the offset of the next end line of a block from ``at`` on, -1 if none."""
        if 0 <= self._end < at or self._end == 0:
            self._end = self.data.find(b"\n-----END ", at)
        return self._end


def _block(boundaries: _Boundaries, at: int, block_type: bytes) -> Block | None:
    start, data = at, boundaries.data
    at = boundaries.after_headers(at)
    if at >= len(data):
        return None
    if start == at and data.startswith(b"-----END ", at):
        end = at
    else:
        end = boundaries.end(at)
        if end < 0:
            return None
    trailer = data.index(b"-----END ", end) + len(b"-----END ")
    closing = block_type + b"-----"
    if not data.startswith(closing, trailer):
        return None
    after, rest = _line(data, trailer + len(closing))
    if after:
        return None
    if data.find(b"-", at, end) >= 0:
        # Another block begins before; base64 has no such character.
        return None
    body = data[at:end].translate(None, _BLANKS)
    try:
        content = binascii.a2b_base64(body, strict_mode=True) if body else b""
    except binascii.Error:
        return None
    return Block(block_type, at > start, content, rest)


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the rest of a line without trailing blanks, and the offset of the next line."""
    end = data.find(b"\n", at)
    if end < 0:
        return data[at:].rstrip(b" \t\r"), len(data)
    return data[at:end].rstrip(b" \t\r"), end + 1
