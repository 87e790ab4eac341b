"""The limit of the depth of documents, and the error of malformed ones."""

from __future__ import annotations

from typing import Any, Final

import orjson

#: The maximum nesting of arrays and objects.
MAX_DEPTH: Final = 250
#: How many levels orjson writes.
_WRITABLE_DEPTH: Final = 254


class DocumentError(ValueError):
    """The bytes are not a valid document; the message is that of Go's parsers."""


def check_depth(data: bytes, document: Any) -> None:
    """Raise DocumentError for a document that is nested too deeply to be written."""
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and is_too_deep(document):
        raise DocumentError("exceeded max depth")


def is_too_deep(document: Any, limit: int = MAX_DEPTH) -> bool:
    """Return whether more than ``limit`` arrays and objects stand in one another."""
    # The depth that orjson writes is fixed: a document is put that much deeper.
    for _ in range(_WRITABLE_DEPTH - limit):
        document = [document]
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        if str(error) == "Recursion limit reached":
            return True
        raise
    return False
