"""Equality of JSON values, with types.

Python treats ``1``, ``1.0`` and ``True`` as equal; in a document they are three different values.
The order of members does not matter.
"""

from __future__ import annotations

from typing import Any

import orjson


def deep_equal(value: Any, other: Any) -> bool:
    """Return whether two JSON values are equal."""
    if value is other:
        return True
    # Python's comparison is fast and finds most differences. The encodings also compare types;
    # they are sorted only if members are in a different order.
    if value != other:
        return False
    if type(value) is str:
        return type(other) is str
    return orjson.dumps(value) == orjson.dumps(other) or _sorted(value) == _sorted(other)


def _sorted(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
