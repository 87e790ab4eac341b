"""Duplicates in lists whose items must be unique: sets, and lists keyed by members of their items.

Only the second of equal items is reported. The rules are those of ``x-kubernetes-list-type`` in the
API documentation of CustomResourceDefinition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from apiserver.machinery.fielderrors import FieldError, duplicate, invalid
from apiserver.schema.errorpaths import ErrorList, Path, TooManyErrors, not_shown, shown
from apiserver.schema.memberorder import by_name
from apiserver.schema.structural import Schema

_TEXT: Final = frozenset((str,))


def list_type_problems(document: Any, schema: Schema) -> list[FieldError]:
    """Return an error for each duplicate in the sets and keyed lists of a document."""
    errors = ErrorList()
    try:
        _find(document, schema, None, errors)
    except TooManyErrors:
        errors.append(not_shown())
    return errors


def list_type_problems_of_update(document: Any, old: Any, schema: Schema) -> list[FieldError]:
    """Return the errors of an update: none if the old object has duplicates, too."""
    problems = list_type_problems(document, schema)
    return [] if problems and list_type_problems(old, schema) else problems


def _find(value: Any, schema: Schema, path: Path, errors: ErrorList) -> None:
    if not schema.may_have_unique_items:
        return
    if type(value) is dict:
        properties, values = schema.properties, schema.values
        for name, member in value.items():
            if type(member) is not dict and type(member) is not list:
                continue
            if name in properties:
                _find(member, properties[name], (path, f".{name}"), errors)
            elif values is not None:
                _find(member, values, (path, f"[{name}]"), errors)
    elif type(value) is list:
        if schema.list_type == "set":
            errors.add_all(_duplicates(value, path))
        elif schema.list_type == "map":
            errors.add_all(_keyed_duplicates(value, schema.list_map_keys, path))
        _find_in_items(value, schema.items, path, errors)


def _find_in_items(value: list[Any], items: Schema | None, path: Path, errors: ErrorList) -> None:
    if items is not None and items.may_have_unique_items:
        for index, item in enumerate(value):
            _find(item, items, (path, f"[{index}]"), errors)


def _keyed_duplicates(items: list[Any], keys: tuple[str, ...], path: Path) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        if item is not None and type(item) is not dict:
            detail = "must be an object for an array of list-type map"
            yield invalid(f"{shown(path)}[{index}]", by_name(item), detail)
            return
    if len(keys) == 1 and _are_distinct_texts([item and item.get(keys[0]) for item in items]):
        return
    yield from _duplicates(
        [{key: item[key] for key in keys if item and key in item} for item in items], path
    )


def _duplicates(items: list[Any], path: Path) -> Iterator[FieldError]:
    if _are_distinct_texts(items):
        return
    times: dict[bytes, int] = {}
    for index, item in enumerate(items):
        # The encodings tell 1 from true and from 1.0.
        encoded = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
        times[encoded] = times.get(encoded, 0) + 1
        if times[encoded] == 2:
            yield duplicate(f"{shown(path)}[{index}]", by_name(item))


def _are_distinct_texts(items: list[Any]) -> bool:
    return set(map(type, items)) <= _TEXT and len(set(items)) == len(items)
