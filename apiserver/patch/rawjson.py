r"""JSON values with their scalars as they are written, and how they compare with documents.

The ``test`` of a JSON patch compares what was sent with the document as a Go server writes it, and
scalars by their text: ``2.0`` is not 2, ``"\u0061"`` is not ``"a"``, and a ``<`` in a document is
only equal to the ``\u003c`` that Go writes for it.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from apiserver.machinery.quoting import json_number
from apiserver.patch.shown import go_json_text

_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


class Number(str):
    """The text of a number."""

    __slots__ = ()


def read_raw(body: bytes) -> Any:
    r"""Read valid JSON: strings are the text between their quotes, numbers are `Number`.

    The keys of objects are escaped as they were written, too.
    """
    # An escaped backslash for every one makes each string read as its own text.
    text = _ESCAPE.sub(_escaped_once_more, body.decode("utf-8", "replace"))
    return json.loads(text, parse_int=Number, parse_float=Number, strict=False)


def is_written_as(value: Any, raw: Any) -> bool:
    """Tell whether a value of a document has the text of ``raw``, which `read_raw` returned."""
    if isinstance(raw, Number):
        return type(value) in (int, float) and json_number(value) == raw
    if isinstance(raw, str):
        return isinstance(value, str) and go_json_text(value)[1:-1] == raw
    if isinstance(raw, list):
        return (
            isinstance(value, list)
            and len(value) == len(raw)
            and all(map(is_written_as, value, raw))
        )
    if not isinstance(raw, dict):
        return value is raw
    if not isinstance(value, dict):
        return False
    members = {_key(key): member for key, member in raw.items()}
    return value.keys() == members.keys() and all(
        is_written_as(member, members[key]) for key, member in value.items()
    )


def _escaped_once_more(escape: re.Match[str]) -> str:
    return r"\\\"" if escape[1] == '"' else rf"\\{escape[1]}" if escape[1] != "\\" else r"\\\\"


def _key(raw: str) -> str:
    key: str = json.loads(f'"{raw}"') if "\\" in raw else raw
    return key
