"""How large the values of a schema can be, which bounds what a rule can cost.

Where a schema gives no limit, the size of a request is one: 3 MiB. The figures are those of the API
server's estimation of the cost of rules.
"""

from __future__ import annotations

from typing import Final

from apiserver.schema.structural import Schema

REQUEST_SIZE: Final = 3 * 1024 * 1024
UNKNOWN: Final = (1 << 64) - 1
_TEXT_SIZES: Final = {"duration": 32, "date": 10, "date-time": 20, "datetime": 20}
_BYTES_OF_CHARACTER: Final = 4


def max_elements(schema: Schema) -> int:
    """Return how many bytes, items or entries a value can have."""
    limits = schema.assertions
    if schema.int_or_string:
        return _of_strings(None if limits is None else limits.max_length)
    if schema.type == "array" and schema.items is not None:
        given = None if limits is None else limits.max_items
        item = min_size(schema.items)
        return max(0, int(given)) if given is not None else (REQUEST_SIZE - 2) // (item + 1)
    if schema.type == "object" and schema.values is not None:
        given = None if limits is None else limits.max_properties
        value = min_size(schema.values)
        return max(0, int(given)) if given is not None else (REQUEST_SIZE - 2) // (value + 6)
    if schema.type == "string":
        if limits is not None and limits.enum:
            return max(len(str(each).encode()) for each in limits.enum)
        if schema.format in _TEXT_SIZES:
            return _TEXT_SIZES[schema.format]
        given = None if limits is None else limits.max_length
        if schema.format == "byte":
            return REQUEST_SIZE - 2 if given is None else max(0, int(given))
        return _of_strings(given)
    return UNKNOWN if not schema.type else 1


def _of_strings(limit: int | None) -> int:
    return REQUEST_SIZE - 2 if limit is None else max(0, int(limit)) * _BYTES_OF_CHARACTER


def min_size(schema: Schema) -> int:
    """Return the length of the shortest JSON of a value."""
    if schema.int_or_string or schema.type in ("integer", "number"):
        return 1
    if schema.type == "boolean":
        return 4
    if schema.type == "string":
        return _TEXT_SIZES.get(schema.format, 0) + 2
    if schema.type == "object" and schema.values is None:
        needed = () if schema.assertions is None else schema.assertions.required
        members = [
            len(name) + 4 + min_size(schema.properties[name])
            for name in needed
            if name in schema.properties
        ]
        return 2 + sum(members)
    return 2


def max_cardinality(schema: Schema) -> int:
    """Return how often a value of a schema can be in a request."""
    return REQUEST_SIZE // (min_size(schema) + 1)
