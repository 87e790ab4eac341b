r"""JSON values with the text of their scalars, and their comparison with documents.

The ``test`` of a JSON patch compares the sent value with the document as a Go server writes it, and
compares scalars by their text: ``2.0`` is not 2, ``"\u0061"`` is not ``"a"``, and a ``<`` in a
document equals only ``\u003c``, which is how Go writes it.
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
    r"""Parse valid JSON: strings are the text between their quotes, numbers are `Number`.

    The keys of objects keep their escapes, too.
    """
    # With each backslash escaped, the parser returns each string in its original text.
    text = _ESCAPE.sub(_escaped_once_more, body.decode("utf-8", "replace"))
    return json.loads(text, parse_int=Number, parse_float=Number, strict=False)


def is_written_as(value: Any, raw: Any) -> bool:
    """Return whether a value of a document has the text of ``raw``, a result of `read_raw`."""
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
