"""Pruning: fields that a structural schema does not specify are removed and reported.

The rules are those of KEP-2332 and of the API documentation of CustomResourceDefinition: a type
that preserves unknown fields keeps them, but the fields that it specifies are pruned inside;
``apiVersion``, ``kind`` and ``metadata`` of whole objects are not subject to the schema. The result
shares no mutable values with the document, and has its numbers in the form that Go writes.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.schema.jsondecoder import decode_with_unknown
from apiserver.schema.kindtypes import DecodeError
from apiserver.schema.structtypes import struct_type
from apiserver.schema.structural import Schema

_IDENTITY: Final = ("apiVersion", "kind")
_METADATA: Final = "meta.v1.ObjectMeta"
_EXACT: Final = 1e21


def prune(document: Object, schema: Schema) -> tuple[Object, list[str]]:
    """Return a whole object after pruning, and the paths of the removed fields, in order.

    Raises DecodeError for invalid metadata, at the top or in embedded objects.
    """
    unknown: list[str] = []
    pruned = _object(document, schema, "", unknown, whole=True)
    return pruned, sorted(unknown)


def valid_metadata(metadata: Object) -> Object:
    """Return a copy of metadata without its invalid members."""
    valid: Object = {}
    for name, member in metadata.items():
        try:
            valid |= decode_with_unknown(struct_type(_METADATA), {name: member})[0]
        except DecodeError:
            continue
    return valid


def _value(value: Any, schema: Schema | None, path: str, unknown: list[str]) -> Any:
    if isinstance(value, dict):
        whole = schema is not None and schema.embedded_resource
        return _object(value, schema, path, unknown, whole=whole)
    if isinstance(value, list):
        items = None if schema is None else schema.items
        if items is None and schema is not None and schema.preserve_unknown_fields:
            return [_kept(item) for item in value]
        return [_value(item, items, f"{path}[{at}]", unknown) for at, item in enumerate(value)]
    return _kept(value)


def _object(
    value: Object, schema: Schema | None, path: str, unknown: list[str], *, whole: bool
) -> Object:
    result: Object = {}
    preserves = schema is not None and schema.preserve_unknown_fields
    for name, member in value.items():
        where = f"{path}.{name}" if path else name
        if whole and name in _IDENTITY:
            result[name] = member
            continue
        if whole and name == "metadata":
            result[name], foreign = decode_with_unknown(struct_type(_METADATA), member)
            unknown += [f"{where}.{inner}" for inner in foreign]
            continue
        specified = None if schema is None else schema.member(name)
        if specified is not None:
            result[name] = _value(member, specified, where, unknown)
        elif preserves:
            result[name] = _kept(member)
        else:
            unknown.append(where)
    return result


def _kept(value: Any) -> Any:
    """Return a copy of a value without pruning it."""
    if isinstance(value, dict):
        return {name: _kept(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_kept(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value
