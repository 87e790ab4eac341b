"""Equality of JSON values, with types.

Python treats ``1``, ``1.0`` and ``True`` as equal; in a document they are three different values.
The order of members does not matter.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import orjson

#: Sorting a larger text, in bytes, would take long in one call that nothing can interrupt.
_SORTABLE: Final = 256 * 1024


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
    text = orjson.dumps(value)
    if text == orjson.dumps(other):
        return True
    if len(text) > _SORTABLE:
        return _same_types(value, other)
    return _sorted(value) == _sorted(other)


def equal_but_for(
    document: dict[str, Any], other: dict[str, Any], ignored: Collection[str]
) -> bool:
    """Return whether two objects are equal, apart from some members of their metadata."""
    # Most changes are outside of the metadata, which have to be copied to be compared.
    for name, value in document.items():
        if name != "metadata" and value != other.get(name):
            return False
    return deep_equal(_without(document, ignored), _without(other, ignored))


def _without(document: dict[str, Any], ignored: Collection[str]) -> dict[str, Any]:
    metadata = {**document["metadata"]}
    for name in ignored:
        metadata.pop(name, None)
    return {**document, "metadata": metadata}


def _sorted(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _same_types(value: Any, other: Any) -> bool:
    """Return whether the types of two values that Python regards as equal are equal too."""
    if type(value) is not type(other):
        return False
    if type(value) is dict:
        return all(_same_types(member, other[name]) for name, member in value.items())
    if type(value) is list:
        return all(map(_same_types, value, other))
    # Zeros of different signs are equal to Python, too.
    return type(value) is not float or str(value) == str(other)
