"""Path elements: one step into a document, spelled as in FieldsV1.

``f:image`` is a member of an object, ``k:{"name":"web"}`` the item of a keyed list with these key
values, ``v:"x"`` the item of a set with this value, ``i:0`` the list item at this index. The
spelling is canonical: no spaces, keys sorted, strings escaped as Go's encoder escapes them. Two
elements are equal if and only if their strings are equal, so paths are compared without parsing.

In the paths of messages, ``f:containers`` followed by ``k:{"name":"web"}`` is
``.containers[name="web"]``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import orjson

from apiserver.machinery.quoting import json_escaped, json_number, quote
from apiserver.machinery.textcache import cache_by_text

#: In a set: the element itself, in addition to its children.
SELF: Final = "."

Order: TypeAlias = tuple[int, Any]

_CACHED: Final = 16384


class MalformedElement(ValueError):
    """A key of a FieldsV1 document is not a path element."""


def member(name: str) -> str:
    """Return the element of a member of an object."""
    return "f:" + name


def set_item(value: Any) -> str:
    """Return the element of an item of a set."""
    return "v:" + json_text(value)


def keyed_item(keys: Iterable[tuple[str, Any]]) -> str:
    """Return the element of an item of a keyed list; ``keys`` must be sorted by name."""
    return "k:{" + ",".join(f"{json_text(name)}:{json_text(value)}" for name, value in keys) + "}"


@cache_by_text(_CACHED)
def _scalar_text(value: Any, _type: type) -> str:
    # 1, 1.0 and true are equal, but not the same.
    if isinstance(value, float):
        return json_number(value)
    return json_escaped(orjson.dumps(value).decode())


def json_text(value: Any) -> str:
    """Return the JSON of a value as Go's encoder writes it into an element."""
    if isinstance(value, dict):
        members = (f"{json_text(name)}:{json_text(value[name])}" for name in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return _scalar_text(value, type(value))


@cache_by_text(_CACHED)
def canonical(element: str) -> str | None:
    """Return the canonical spelling of an element, ``None`` if its kind is unknown.

    Raises MalformedElement.
    """
    if len(element) < 2:
        raise MalformedElement("key must be 2 characters long:")
    kind, colon, text = element[0], element[1], element[2:]
    if colon != ":":
        raise MalformedElement(f"missing colon: {element}")
    if kind == "f":
        return element
    if kind == "v":
        return set_item(_parsed(text))
    if kind == "k":
        keys = _parsed(text)
        if not isinstance(keys, dict):
            raise MalformedElement(f"expected an object of keys: {element}")
        return keyed_item(sorted(keys.items()))
    if kind == "i":
        try:
            return f"i:{int(text)}"
        except ValueError as error:
            raise MalformedElement(f"expected a number: {element}") from error
    return None


@cache_by_text(_CACHED)
def text(element: str) -> str:
    """Return an element as the paths of messages show it."""
    kind, rest = element[0], element[2:]
    if kind == "f":
        return "." + rest
    if kind == "v":
        return f"[={_shown(_parsed(rest))}]"
    if kind == "k":
        pairs = _parsed(rest).items()
        return "[" + ",".join(f"{name}={_shown(value)}" for name, value in pairs) + "]"
    return f"[{rest}]"


@cache_by_text(_CACHED)
def order(element: str) -> Order:
    """Return the sort key of an element: members first, then keyed items, set items, indices."""
    kind, rest = element[0], element[2:]
    if kind == "f":
        return 1, rest
    if kind == "k":
        pairs = _parsed(rest).items()
        return 2, tuple((name, _value_order(value)) for name, value in pairs)
    if kind == "v":
        return 3, _value_order(_parsed(rest))
    if kind == "i":
        return 4, int(rest)
    return 0, ""


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedElement(f"parsing {text}: {error}") from error


def _value_order(value: Any) -> Order:
    if isinstance(value, bool):
        return 3, value
    if isinstance(value, int | float):
        return 1, value
    if isinstance(value, str):
        return 2, value
    return 4, json.dumps(value, sort_keys=True)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, float) and not math.isinf(value):
        return json_number(value)
    return json_text(value)
