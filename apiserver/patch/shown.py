"""Patched documents as shown in error messages: the JSON of Go's patch library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from apiserver.machinery import sorting
from apiserver.machinery.quoting import json_escaped


def patched_json(before: Any, after: Any, in_order: Callable[[Any], Any]) -> str:
    """Return the JSON of a patched document: objects that the patch has changed are sorted by name.

    The document itself is always sorted. Objects in ``after`` that are identical to objects in
    ``before``, the original, have the member order of their type; ``in_order`` returns a copy of a
    document in that order.
    """
    # The whole document is ordered at once; its parts are found by the identity of the originals.
    ordered: dict[int, Any] = {}
    _pair(before, in_order(before), ordered)
    del ordered[id(before)]
    return go_json_text(_arranged(after, ordered))


def go_json_text(value: Any) -> str:
    """Return the JSON of a value with the characters escaped that Go escapes for HTML."""
    return json_escaped(orjson.dumps(value).decode())


def _pair(before: Any, after: Any, ordered: dict[int, Any]) -> None:
    if isinstance(before, dict):
        ordered[id(before)] = after
        for name, member in before.items():
            _pair(member, after[name], ordered)
    elif isinstance(before, list):
        ordered[id(before)] = after
        for item, arranged in zip(before, after, strict=True):
            _pair(item, arranged, ordered)


def _arranged(value: Any, ordered: dict[int, Any]) -> Any:
    if not isinstance(value, dict | list):
        return value
    if id(value) in ordered:
        return ordered[id(value)]
    if isinstance(value, dict):
        return {name: _arranged(value[name], ordered) for name in sorting.in_order(value)}
    return [_arranged(item, ordered) for item in value]
