"""PEM blocks as Kubernetes reads them (RFC 1421, RFC 7468, and what Go makes of both).

What does not look like a block is text around blocks. A block begins at the start of a line, may
have headers, and ends with a line of the same type; one whose content is not base64 is none.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import Final

_BEGIN: Final = re.compile(rb"(?:\A|\n)-----BEGIN ")
_HEADER: Final = re.compile(rb"[^\n:]*:[^\n]*(?:\n|\Z)")
_BLANKS: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its type, whether it has headers, its content, and what comes after it."""

    type: bytes
    has_headers: bool
    content: bytes
    rest: bytes


def decode(data: bytes) -> Block | None:
    """Return the first block, ``None`` where there is none."""
    at = 0
    while begin := _BEGIN.search(data, at):
        line, at = _line(data, begin.end())
        if not line.endswith(b"-----"):
            # The line break before a block may be the one that ends this line.
            at = max(at - 1, begin.end())
            continue
        block = _block(data, at, line.removesuffix(b"-----"))
        if block is not None:
            return block
        at = max(at - 1, begin.end())
    return None


def _block(data: bytes, at: int, block_type: bytes) -> Block | None:
    start = at
    while header := _HEADER.match(data, at):
        at = header.end()
    if at >= len(data):
        return None
    if start == at and data.startswith(b"-----END ", at):
        end = at
    else:
        end = data.find(b"\n-----END ", at)
        if end < 0:
            return None
    trailer = data.index(b"-----END ", end) + len(b"-----END ")
    closing = block_type + b"-----"
    if not data.startswith(closing, trailer):
        return None
    after, rest = _line(data, trailer + len(closing))
    if after:
        return None
    body = data[at:end].translate(None, _BLANKS)
    try:
        content = binascii.a2b_base64(body, strict_mode=True) if body else b""
    except binascii.Error:
        return None
    return Block(block_type, at > start, content, data[rest:])


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the rest of a line without blanks at its end, and where the next one begins."""
    end = data.find(b"\n", at)
    if end < 0:
        return data[at:].rstrip(b" \t\r"), len(data)
    return data[at:end].rstrip(b" \t\r"), end + 1
