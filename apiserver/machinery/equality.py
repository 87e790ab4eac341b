"""Whether two JSON values are the same, member by member and type by type.

Python takes ``1``, ``1.0`` and ``True`` for equal; in a document they are three values. Members may
come in any order.
"""

from __future__ import annotations

from typing import Any

import orjson


def deep_equal(value: Any, other: Any) -> bool:
    """Tell whether two JSON values are the same."""
    if value is other:
        return True
    # Values that differ mostly differ for Python too, and it finds out soon. The bytes tell the
    # types of those that do not; they are sorted only where members come in another order.
    if value != other:
        return False
    if type(value) is str:
        return type(other) is str
    return orjson.dumps(value) == orjson.dumps(other) or _sorted(value) == _sorted(other)


def _sorted(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
