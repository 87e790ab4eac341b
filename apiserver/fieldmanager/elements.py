"""Path elements: one step into a document, spelled as FieldsV1 spells it.

``f:image`` is a member of an object. ``k:{"name":"web"}`` is the item of a list whose keys have
these values, ``v:"x"`` the item of a set that is this value, ``i:0`` the item at this place. The
spelling is canonical: no spaces, keys sorted, strings escaped as Go's encoder does it. So elements
are equal if and only if their strings are, and nothing needs to be parsed to compare paths.

In a path that people read, ``f:containers`` then ``k:{"name":"web"}`` is
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

#: Stands in a set for the place itself, beside what is below it.
SELF: Final = "."

Order: TypeAlias = tuple[int, Any]

_CACHED: Final = 16384


class MalformedElement(ValueError):
    """A key of a FieldsV1 document is no path element."""


def member(name: str) -> str:
    """Return the element of a member of an object."""
    return "f:" + name


def set_item(value: Any) -> str:
    """Return the element of an item of a set."""
    return "v:" + json_text(value)


def keyed_item(keys: Iterable[tuple[str, Any]]) -> str:
    """Return the element of an item of a keyed list; the keys come sorted by name."""
    return "k:{" + ",".join(f"{json_text(name)}:{json_text(value)}" for name, value in keys) + "}"


@cache_by_text(_CACHED, typed=True)
def _scalar_text(value: Any) -> str:
    if isinstance(value, float):
        return json_number(value)
    return json_escaped(orjson.dumps(value).decode())


def json_text(value: Any) -> str:
    """Write a value as Go's encoder writes it into an element."""
    if isinstance(value, dict):
        members = (f"{json_text(name)}:{json_text(value[name])}" for name in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return _scalar_text(value)


@cache_by_text(_CACHED)
def canonical(element: str) -> str | None:
    """Return the canonical spelling of an element, ``None`` where its kind is not known.

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
    """Write an element as paths that people read have it."""
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
    """Return the key by which elements are sorted: members, then keyed items, sets, places."""
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
