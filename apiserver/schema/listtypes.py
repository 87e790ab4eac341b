"""Duplicates in lists whose items must be unique: sets, and lists keyed by members of their items.

Only the second of equal items is reported. The rules are those of ``x-kubernetes-list-type`` in the
API documentation of CustomResourceDefinition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from apiserver.machinery.fielderrors import FieldError, duplicate, invalid
from apiserver.schema.memberorder import by_name
from apiserver.schema.structural import Schema


def list_type_problems(document: Any, schema: Schema, path: str = "") -> list[FieldError]:
    """Return an error for each duplicate in the sets and keyed lists of a document."""
    return list(_problems(document, schema, path))


def list_type_problems_of_update(
    document: Any, old: Any, schema: Schema, path: str = ""
) -> list[FieldError]:
    """Return the errors of an update: none if the old object has duplicates, too."""
    problems = list_type_problems(document, schema, path)
    if problems and list_type_problems(old, schema, path):
        return []
    return problems


def _problems(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if type(value) is dict:
        values = schema.values
        for name, member in value.items():
            specified = schema.properties.get(name)
            if specified is not None:
                yield from _problems(member, specified, f"{path}.{name}" if path else name)
            elif values is not None:
                yield from _problems(member, values, f"{path}[{name}]")
    elif type(value) is list:
        if schema.list_type == "set":
            yield from _duplicates(value, lambda item: item, path)
        elif schema.list_type == "map":
            yield from _keyed(value, schema.list_map_keys, path)
        if schema.items is not None:
            for index, item in enumerate(value):
                yield from _problems(item, schema.items, f"{path}[{index}]")


def _keyed(items: list[Any], keys: tuple[str, ...], path: str) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        if item is not None and type(item) is not dict:
            detail = "must be an object for an array of list-type map"
            yield invalid(f"{path}[{index}]", by_name(item), detail)
            return
    yield from _duplicates(
        items, lambda item: {key: item[key] for key in keys if item and key in item}, path
    )


def _duplicates(
    items: list[Any], identity: Callable[[Any], Any], path: str
) -> Iterator[FieldError]:
    times: dict[bytes, int] = {}
    for index, item in enumerate(items):
        shown = identity(item)
        # The encodings tell 1 from true and from 1.0.
        encoded = orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)
        times[encoded] = times.get(encoded, 0) + 1
        if times[encoded] == 2:
            yield duplicate(f"{path}[{index}]", by_name(shown))
