"""The difference of two structs, as errors about changes show it: a unified diff of their JSON.

Comparing many lines is far slower than reading them. The difference of large structs is therefore
shown as one hunk: all old lines, then all new lines.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from itertools import takewhile
from typing import Any, Final

_CONTEXT: Final = 3
_MANY: Final = 5000
# Go escapes JSON for use in HTML.
_ESCAPED: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def difference(old: Any, new: Any) -> str:
    """Return the hunks that turn the JSON of ``old`` into that of ``new``, without a heading."""
    before, after = _lines(old), _lines(new)
    if len(before) + len(after) > _MANY:
        return "".join(_one_hunk(before, after))
    lines = difflib.unified_diff(before, after, n=_CONTEXT)
    return "".join(lines).removeprefix("--- \n+++ \n")


def _lines(value: Any) -> list[str]:
    # Line feeds inside of texts are escaped, so every one of these ends a line.
    text = json.dumps(value, indent=1, ensure_ascii=False).translate(_ESCAPED)
    return [f"{line}\n" for line in text.split("\n")]


def _one_hunk(before: list[str], after: list[str]) -> list[str]:
    if before == after:
        return []
    head = _alike(before, after)
    tail = _alike(reversed(before[head:]), reversed(after[head:]))
    start, end = max(head - _CONTEXT, 0), max(tail - _CONTEXT, 0)
    sizes = [len(lines) - start - end for lines in (before, after)]
    return [
        f"@@ -{start + 1},{sizes[0]} +{start + 1},{sizes[1]} @@\n",
        *(f" {line}" for line in before[start:head]),
        *(f"-{line}" for line in before[head : len(before) - tail]),
        *(f"+{line}" for line in after[head : len(after) - tail]),
        *(f" {line}" for line in before[len(before) - tail : len(before) - end]),
    ]


def _alike(some: Iterable[str], others: Iterable[str]) -> int:
    """Return the number of common lines at the beginning of two texts."""
    pairs = zip(some, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
