"""The sources of the parts of a call."""

from __future__ import annotations

import re
from typing import Final

from apiserver.cel.macronames import LITERALS

_TOKEN: Final = re.compile(rf"{LITERALS}|[()\[\]{{}},]", re.DOTALL)
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


def call_source(source: str, opening: int, target: int | None) -> list[str] | None:
    """Return the sources of the target and the arguments of a call.

    ``opening`` is the offset of its parenthesis, ``target`` that of its target, or of what that
    begins with, if it has one. Returns ``None`` if the source is not of this form.
    """
    if source[opening : opening + 1] != "(":
        return None
    arguments = _arguments(source, opening)
    if target is None or arguments is None:
        return arguments
    before = re.sub(r"\.\s*\w+\s*$", "", source[target:opening])
    missing = before.count(")") - before.count("(")
    return [f"{'(' * missing}{before}", *arguments]


def _arguments(source: str, opening: int) -> list[str] | None:
    arguments, start, open_ = [], opening + 1, [")"]
    for token in _TOKEN.finditer(source, opening + 1):
        text = token[0]
        if text in _CLOSING:
            open_.append(_CLOSING[text])
        elif text == open_[-1]:
            open_.pop()
        if (text == "," and len(open_) == 1) or not open_:
            arguments.append(source[start : token.start()])
            start = token.end()
        if not open_:
            return arguments if any(each.strip() for each in arguments) else []
    return None
