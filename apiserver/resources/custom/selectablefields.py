"""The fields of a custom kind that field selectors can use, beside its name and namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from apiserver.machinery.jsonpath import JSONPath, JSONPathError
from apiserver.machinery.jsonpathsyntax import JSONPathSyntaxError, parse_jsonpath
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import go_value


def selectable_fields(
    declared: Sequence[Mapping[str, Any]],
) -> Mapping[str, Callable[[Object], str]]:
    """Return the functions that read the ``selectableFields`` of a version, by field.

    The name of a field is its path without the leading dot. A missing field is an empty text.
    """
    fields: dict[str, Callable[[Object], str]] = {}
    for each in declared:
        path = each["jsonPath"]
        try:
            fields[path.removeprefix(".")] = partial(_read, parse_jsonpath(path))
        except JSONPathSyntaxError:
            continue
    return fields


def _read(path: JSONPath, document: Object) -> str:
    try:
        values = path.find(document)
    except JSONPathError:
        return ""
    if not values:
        return ""
    return values[0] if isinstance(values[0], str) else go_value(values[0])
