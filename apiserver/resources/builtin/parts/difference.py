"""How two structs differ, as refusals of changes show it: a unified diff of their JSON."""

from __future__ import annotations

import difflib
import json
from typing import Any, Final

_CONTEXT: Final = 3
# Go writes JSON that may stand in HTML.
_ESCAPED: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def difference(old: Any, new: Any) -> str:
    """Return the hunks that turn the JSON of ``old`` into that of ``new``, without a heading."""
    lines = difflib.unified_diff(_lines(old), _lines(new), n=_CONTEXT)
    return "".join(lines).removeprefix("--- \n+++ \n")


def _lines(value: Any) -> list[str]:
    # Line feeds inside of texts are escaped, so every one of these ends a line.
    text = json.dumps(value, indent=1, ensure_ascii=False).translate(_ESCAPED)
    return [f"{line}\n" for line in text.split("\n")]
