"""How two structs differ, as refusals of changes show it: a unified diff of their JSON."""

from __future__ import annotations

import difflib
import json
from typing import Any, Final

_CONTEXT: Final = 3


def difference(old: Any, new: Any) -> str:
    """Return the hunks that turn the JSON of ``old`` into that of ``new``, without a heading."""
    lines = difflib.unified_diff(_lines(old), _lines(new), n=_CONTEXT)
    return "".join(lines).removeprefix("--- \n+++ \n")


def _lines(value: Any) -> list[str]:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    return text.splitlines(keepends=True)
