"""How many names and values a document may have: a limit next to that of its bytes.

The event loop must not stand still for more than 50 ms because of one request. Large documents are
processed in threads, but a single call into a library cannot be interrupted: to parse, compare or
free a document takes 20 to 150 ns for each name of a member and each value. Three MiB have room for
more than a million of them (``[],[],[]...``). With this limit every such call takes less than the
50 ms, and objects that fit into the store (1.5 MiB) have six bytes for each.
"""

from __future__ import annotations

import threading
from typing import Final

from apiserver.machinery.errors import RequestEntityTooLarge

#: How many values (objects, arrays, scalars) and names of members a document may have.
MAX_VALUES: Final = 250_000
# How much text is looked at in one go, in bytes.
_PIECE: Final = 64 * 1024


def check_text(data: bytes) -> None:
    """Raise RequestEntityTooLarge for JSON with too many values; it need not be valid."""
    # Every name and every value but the first follows one of these characters.
    if len(data) > MAX_VALUES and _count(data) > MAX_VALUES and _count_outside(data) > MAX_VALUES:
        raise too_many_values()


def too_many_values() -> RequestEntityTooLarge:
    """Return the error for a document with too many values."""
    return RequestEntityTooLarge(
        f"Request entity too large: limit is {MAX_VALUES} names and values"
    )


class ValueCounter(threading.local):
    """Counts the values of the document that a thread is reading."""

    def __init__(self) -> None:
        self.left = MAX_VALUES

    def start(self) -> None:
        """Count from zero."""
        self.left = MAX_VALUES

    def count(self) -> None:
        """Count one value. Raises RequestEntityTooLarge if there are too many."""
        self.left -= 1
        if self.left < 0:
            raise too_many_values()


def _count(text: bytes) -> int:
    return sum(map(text.count, (b",", b":", b"[", b"{")))


def _count_outside(data: bytes) -> int:
    """Count the values, ignoring the content of strings."""
    # Without pairs of backslashes, and without escaped quotes, every quote begins or ends a string.
    data = data.replace(rb"\\", b"").replace(rb"\"", b"")
    inside = total = 0
    for start in range(0, len(data), _PIECE):
        if total > MAX_VALUES:
            break
        parts = data[start : start + _PIECE].split(b'"')
        total += _count(b"".join(parts[inside::2]))
        inside = (inside + len(parts) - 1) % 2
    return total
