"""Pruning: removes and reports fields that a structural schema does not specify.

The rules are those of KEP-2332 and of the API documentation of CustomResourceDefinition: a type
that preserves unknown fields keeps them, but the fields that it specifies are pruned inside;
``apiVersion``, ``kind`` and ``metadata`` of whole objects are not subject to the schema, the latter
are those of all objects. Members that are null are removed, too, if that is not allowed and no
default takes their place. The result shares no mutable values with the document, and has its
numbers in the form that Go writes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.objects import Object
from apiserver.schema.errorpaths import MAX_CHARACTERS
from apiserver.schema.jsondecoder import decode_with_unknown
from apiserver.schema.jsonvalues import stored_number, stored_value
from apiserver.schema.kindtypes import DecodeError
from apiserver.schema.memberorder import by_name
from apiserver.schema.structtypes import struct_type
from apiserver.schema.structural import MISSING, Schema

_METADATA: Final = "metadata"
_WHOLE: Final = frozenset(("apiVersion", "kind", _METADATA))
_STRUCT: Final = "meta.v1.ObjectMeta"
_NOTHING: Final = Schema()


class MalformedObject(DecodeError):
    """An object inside of a document has invalid metadata, or is of no kind."""

    def __init__(self, error: FieldError) -> None:
        super().__init__(str(error))
        self.error = error


def prune(document: Object, schema: Schema, *, lenient: bool = False) -> tuple[Object, list[str]]:
    """Return a whole object after pruning, and the paths of the removed fields, in order.

    Raises DecodeError for invalid metadata. If ``lenient``, its invalid members are dropped, and
    those of embedded objects.
    """
    pruning = _Pruning(lenient=lenient)
    unknown: list[str] = []
    pruned = pruning.members(document, schema, unknown, is_root=True)
    if _METADATA in document:
        pruned[_METADATA], foreign = _metadata(document[_METADATA], lenient=lenient)
        unknown += [f"{_METADATA}.{inner}" for inner in foreign]
    return pruned, sorted(unknown)


def valid_metadata(metadata: Object) -> Object:
    """Return a copy of metadata without its invalid members."""
    return _metadata(metadata, lenient=True)[0]


def prune_value(value: Any, schema: Schema) -> tuple[Any, list[str]]:
    """Return a value after pruning, and the paths of fields that its schema does not specify.

    The metadata of embedded objects is another matter. Raises MalformedObject.
    """
    unknown: list[str] = []
    pruned = _Pruning(lenient=False, reports_metadata=False).value(value, schema, unknown)
    return pruned, unknown


class _Pruning:
    """One run. The unknown fields of a part are appended to a list, with their paths in it.

    Of so many that their paths have more text than is shown, only the first are reported.
    """

    __slots__ = ("_left", "_lenient", "_reports_metadata")

    def __init__(self, *, lenient: bool, reports_metadata: bool = True) -> None:
        self._left = MAX_CHARACTERS
        self._lenient = lenient
        self._reports_metadata = reports_metadata

    def value(
        self, value: Any, schema: Schema, unknown: list[str], *, preserves: bool = False
    ) -> Any:
        """Prune a value; ``preserves``: its unknown fields are kept, whatever the schema says."""
        kind = type(value)
        if kind is dict:
            return self.members(value, schema, unknown, preserves=preserves)
        if kind is list:
            preserves = preserves or schema.preserve_unknown_fields
            return self._items(value, schema, unknown, preserves=preserves)
        return stored_number(value) if kind is float or kind is int else value

    def members(
        self,
        value: Object,
        schema: Schema,
        unknown: list[str],
        *,
        preserves: bool = False,
        is_root: bool = False,
    ) -> Object:
        """Prune an object."""
        result: Object = {}
        preserves = preserves or schema.preserve_unknown_fields
        embedded = schema.embedded_resource or is_root
        properties, values = schema.properties, schema.values
        name = ""
        try:
            for name, member in value.items():
                if embedded and name in _WHOLE:
                    if is_root:
                        # The caller reads the metadata of the whole object.
                        result[name] = member
                    else:
                        self._identity(result, name, member, unknown)
                    continue
                part = properties.get(name) or values
                if part is None:
                    if preserves:
                        result[name] = stored_value(member)
                    else:
                        unknown.append(name)
                elif member is not None:
                    before = len(unknown)
                    result[name] = self.value(member, part, unknown)
                    if len(unknown) != before:
                        self._prefix(unknown, before, name)
                elif part.nullable or part.default is not MISSING:
                    result[name] = None
        except MalformedObject as malformed:
            is_key = values is not None and name not in properties
            raise _inside(malformed, f"[{name}]" if is_key else name) from malformed
        return result

    def _items(
        self, value: list[Any], schema: Schema, unknown: list[str], *, preserves: bool
    ) -> list[Any]:
        items = schema.items
        if items is None:
            if preserves:
                return [stored_value(item) for item in value]
            items = _NOTHING
        result = []
        for index, item in enumerate(value):
            before = len(unknown)
            try:
                result.append(self.value(item, items, unknown, preserves=preserves))
            except MalformedObject as malformed:
                raise _inside(malformed, f"[{index}]") from malformed
            if len(unknown) != before:
                self._prefix(unknown, before, f"[{index}]")
        return result

    def _prefix(self, unknown: list[str], start: int, name: str) -> None:
        """Prefix the paths from ``start`` on with the name of what contains them."""
        most = max(self._left // (len(name) + 1), 1)
        del unknown[start + most :]
        self._left -= (len(unknown) - start) * (len(name) + 1)
        unknown[start:] = [
            name + path if path.startswith("[") else f"{name}.{path}" for path in unknown[start:]
        ]

    def _identity(self, result: Object, name: str, member: Any, unknown: list[str]) -> None:
        """Put a member that identifies an embedded object into the result, if it is valid."""
        if name != _METADATA:
            if isinstance(member, str):
                result[name] = member
            elif not self._lenient:
                raise MalformedObject(invalid("", by_name(member), "must be a string"))
        else:
            try:
                found, foreign = _metadata(member, lenient=self._lenient)
            except DecodeError as error:
                raise MalformedObject(invalid("", by_name(member), str(error))) from error
            if found.get("creationTimestamp", ...) is None:
                del found["creationTimestamp"]
            result[name] = found
            if self._reports_metadata:
                unknown += [f"{name}.{inner}" for inner in foreign]


def _metadata(value: Any, *, lenient: bool) -> tuple[Object, list[str]]:
    """Return metadata as its type has it, and the paths of unknown members in it."""
    struct = struct_type(_STRUCT)
    try:
        return decode_with_unknown(struct, value)
    except DecodeError:
        if not lenient or not isinstance(value, dict):
            raise
    valid: Object = {}
    unknown: list[str] = []
    for name, member in value.items():
        try:
            found, foreign = decode_with_unknown(struct, {name: member})
        except DecodeError:
            continue
        valid |= found
        unknown += foreign
    return valid, unknown


def _inside(malformed: MalformedObject, name: str) -> MalformedObject:
    inner = malformed.error.field
    path = f"{name}.{inner}" if inner and not inner.startswith("[") else name + inner
    return MalformedObject(replace(malformed.error, field=path))
