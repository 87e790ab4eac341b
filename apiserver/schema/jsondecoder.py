"""Decoding of documents to canonical documents: the result of a round trip through a Go struct.

Types are checked, unknown members are dropped and reported, empty members are omitted where JSON
omits them, members that are always serialized are added, quantities and times get their canonical
form. A canonical document is what clients of a built-in kind see. It shares no mutable values with
its input, except for raw documents in it.

A type is compiled once into readers: functions from a JSON value to a canonical one. A member whose
value is canonical already costs only a check of its type. If a value is invalid, the readers add
to its path while the exception propagates, so valid values cost nothing for paths.

There are two modes: documents are decoded from JSON, or, after a strategic merge patch, converted
from Go's maps. The modes differ in which errors they find and in the messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from apiserver.machinery import empties
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.sorting import in_order
from apiserver.schema import unstructured
from apiserver.schema.jsonvalues import stored_value
from apiserver.schema.kindtypes import Canonical, DecodeError
from apiserver.schema.scalars import SCALAR_READERS, Mismatch, Reader, Unknown, text_reader
from apiserver.schema.structtypes import SCALARS, Field, StructType, struct_type

_MAX_PROBLEMS: Final = 100
_TYPE_META: Final = ("apiVersion", "kind")

# Types for which every value of a Python type is canonical.
_PLAIN: Final[Mapping[str, type]] = {"string": str, "bool": bool}


def decode_json(struct: StructType, document: Any) -> Canonical:
    """Decode a JSON document as its type. Raises DecodeError."""
    canonical, unknown = _read(_struct(struct.name), document)
    return Canonical(canonical, _problems(unknown[:_MAX_PROBLEMS]) if unknown else unknown)


def from_unstructured(struct: StructType, document: Object) -> Canonical:
    """Convert the result of a strategic merge patch or an apply. Raises DecodeError."""
    canonical, unknown = _read(_struct(struct.name, restored=True), document)
    return Canonical(canonical, _problems(in_order(unknown)))


def decode_with_unknown(struct: StructType, document: Any) -> tuple[Object, list[str]]:
    """Decode a JSON document as its type; return the paths of unknown members, too.

    Raises DecodeError.
    """
    return _read(_struct(struct.name), document)


def _read(struct: _Struct, document: Any) -> tuple[Object, list[str]]:
    unknown = Unknown()
    try:
        canonical: Object = struct.read(document, unknown)
    except Mismatch as mismatch:
        raise DecodeError(mismatch.message()) from mismatch
    except ValueError as error:
        raise DecodeError(str(error)) from error
    for name in _TYPE_META:
        canonical.pop(name, None)
    if unknown.empties:
        empties.note(unknown.empties)
    return canonical, list(dict.fromkeys(unknown))


def _problems(unknown: list[str]) -> list[str]:
    return [f"unknown field {quote(path)}" for path in unknown]


class _Struct:
    """Reads objects of one type; compiled on first use."""

    __slots__ = ("_always", "_members", "_paths", "_restored", "_type")

    def __init__(self, struct: StructType, *, restored: bool) -> None:
        self._type = struct
        self._restored = restored
        # For each member: the Python type of values to copy as they are, whether an empty value is
        # kept, and the reader of other values.
        self._members: dict[str, tuple[type | None, bool, Reader]] = {}
        # The Go paths of members of embedded types.
        self._paths: dict[str, str] = {}
        # The values of absent members that are always shown: a constant, or a reader of null.
        self._always: tuple[tuple[str, Any, Reader | None], ...] = ()

    def read(self, value: Any, unknown: Unknown) -> Any:  # noqa: C901 - every call costs
        if type(value) is not dict:
            if value is not None:
                raise _wrong(value, "struct", self._type.go_name, restored=self._restored)
            value = {}
        members = self._members or self._compiled()
        result: dict[str, Any] = {}
        name = ""
        try:
            for name, item in value.items():
                member = members.get(name)
                if member is None:
                    unknown.append(name)
                    continue
                plain, keeps_empty, read = member
                if type(item) is not plain:
                    if item is None:
                        continue
                    before = len(unknown)
                    item = read(item, unknown)
                    if len(unknown) != before:
                        _prefix(unknown, before, name)
                if item or keeps_empty:
                    result[name] = item
                elif type(item) is list or type(item) is dict:
                    unknown.empties.append((result, name, item))
        except Mismatch as mismatch:
            mismatch.enter(self._paths.get(name, name), self._type.short_name)
            raise
        for name, constant, read_null in self._always:
            if name not in result:
                result[name] = constant if read_null is None else read_null(None, unknown)
        return result

    def _compiled(self) -> dict[str, tuple[type | None, bool, Reader]]:
        members: dict[str, tuple[type | None, bool, Reader]] = {}
        always: list[tuple[str, Any, Reader | None]] = []
        leaves = _leaves(restored=self._restored)
        if self._type.is_kind:
            members.update(dict.fromkeys(_TYPE_META, (str, False, leaves["string"])))
        for field, path in self._type.placed_members():
            if path != field.name:
                self._paths[field.name] = path
            read = _reader(field, restored=self._restored)
            many = field.repeated or field.is_map
            plain = None if many else _PLAIN.get(field.type)
            members[field.name] = (plain, _keeps_empty(field), read)
            if not field.optional:
                always.append((field.name, *_shown_when_absent(field, read)))
        self._always = tuple(always)
        self._members = members
        return members


def _keeps_empty(field: Field) -> bool:
    if field.name == "managedFields":
        # An empty list is a request to reset ownership; the field manager removes it.
        return True
    # Protobuf cannot distinguish an empty list from an absent one, which is null.
    return field.keeps_empty and not field.repeated and not field.is_map


def _shown_when_absent(field: Field, read: Reader) -> tuple[Any, Reader | None]:
    if field.is_null_when_absent:
        return None, None
    if field.type in SCALARS:
        return read(None, Unknown()), None
    return None, read


@cache
def _struct(name: str, *, restored: bool = False) -> _Struct:
    return _Struct(struct_type(name), restored=restored)


@cache
def _leaves(*, restored: bool) -> Mapping[str, Reader]:
    if restored:
        return {**_SPECIAL, **unstructured.READERS}
    return {**_SPECIAL, **SCALAR_READERS}


def _reader(field: Field, *, restored: bool) -> Reader:
    if field.is_map:
        # The value type of a named map type is named, too.
        _, _, named = field.named.removeprefix("map[").partition("]")
        read = _value_reader(field.value_type, named, restored=restored)
        go_type = field.named or f"map[string]{_go_name(field.value_type)}"
        return _map_reader(read, go_type, _PLAIN.get(field.value_type), restored=restored)
    read = _value_reader(field.type, field.named, restored=restored)
    if field.repeated:
        go_type = f"[]{field.named or _go_name(field.type)}"
        return _list_reader(read, go_type, _PLAIN.get(field.type), restored=restored)
    return read


def _value_reader(type_: str, named: str, *, restored: bool) -> Reader:
    if named and type_ == "string" and not restored:
        return text_reader(named)
    return _leaves(restored=restored).get(type_) or _struct(type_, restored=restored).read


@cache
def _items(item_type: str) -> Reader:
    read = _value_reader(item_type, "", restored=False)
    return _list_reader(read, f"[]{_go_name(item_type)}", _PLAIN.get(item_type), restored=False)


def _list_reader(read: Reader, go_type: str, plain: type | None, *, restored: bool) -> Reader:
    all_plain = {plain}

    def read_list(value: Any, unknown: Unknown) -> Any:
        if type(value) is not list:
            raise _wrong(value, "slice", go_type, restored=restored)
        if set(map(type, value)) == all_plain:
            return value.copy()
        result = []
        for index, item in enumerate(value):
            before = len(unknown)
            result.append(read(item, unknown))
            if len(unknown) != before:
                _prefix(unknown, before, f"[{index}]")
        return result

    return read_list


def _map_reader(read: Reader, go_type: str, plain: type | None, *, restored: bool) -> Reader:
    all_plain = {plain}

    def read_map(value: Any, unknown: Unknown) -> Any:
        if type(value) is not dict:
            raise _wrong(value, "map", go_type, restored=restored)
        if set(map(type, value.values())) == all_plain:
            return value.copy()
        result = {}
        for key, item in value.items():
            before = len(unknown)
            result[key] = read(item, unknown)
            if len(unknown) != before:
                _prefix(unknown, before, key)
        return result

    return read_map


def _prefix(unknown: Unknown, start: int, name: str) -> None:
    """Prefix the unknown members from ``start`` on with the member ``name`` that contains them."""
    unknown[start:] = [
        name + path if path.startswith("[") else f"{name}.{path}" for path in unknown[start:]
    ]


def _wrong(value: Any, go_kind: str, go_type: str, *, restored: bool) -> Exception:
    if restored:
        return unstructured.cannot_restore(go_kind, value)
    return Mismatch(value, go_type)


def _go_name(type_: str) -> str:
    if type_ in SCALARS:
        return {"bytes": "[]uint8", "double": "float64"}.get(type_, type_)
    return ".".join(type_.split(".")[-2:])


_SCHEMA: Final = "apiextensions.v1.JSONSchemaProps"


def _anything(value: Any, _: Unknown) -> Any:
    return value


def _json(value: Any, _: Unknown) -> Any:
    return stored_value(value)


def _texts(value: Any, unknown: Unknown) -> Any:
    if value is None:
        return None
    if not isinstance(value, list):
        raise Mismatch(value, "v1.ExtraValue")
    return _items("string")(value, unknown)


def _schema_or_schemas(value: Any, unknown: Unknown) -> Any:
    if isinstance(value, list):
        return _apart(_items(_SCHEMA), value, unknown)
    return _apart(_struct(_SCHEMA).read, value, unknown) if isinstance(value, dict) else None


def _schema_or_bool(value: Any, unknown: Unknown) -> Any:
    if isinstance(value, dict):
        return _apart(_struct(_SCHEMA).read, value, unknown)
    if isinstance(value, bool):
        return value
    raise ValueError("boolean or JSON schema expected")


def _schema_or_texts(value: Any, unknown: Unknown) -> Any:
    if isinstance(value, list):
        return _apart(_items("string"), value, unknown)
    return _apart(_struct(_SCHEMA).read, value, unknown) if isinstance(value, dict) else None


def _apart(read: Reader, value: Any, unknown: Unknown) -> Any:
    """Read a value as with a separate decoder: relative error paths, unknown fields allowed."""
    inside = Unknown()
    try:
        result = read(value, inside)
    except Mismatch as mismatch:
        raise ValueError(mismatch.message()) from mismatch
    unknown.empties += inside.empties
    return result


# Types whose JSON is not that of their members; in both modes they are read as JSON.
_SPECIAL: Final[Mapping[str, Reader]] = {
    "runtime.RawExtension": _anything,
    "meta.v1.FieldsV1": _anything,
    "apiextensions.v1.JSON": _json,
    "apiextensions.v1.JSONSchemaPropsOrArray": _schema_or_schemas,
    "apiextensions.v1.JSONSchemaPropsOrBool": _schema_or_bool,
    "apiextensions.v1.JSONSchemaPropsOrStringArray": _schema_or_texts,
    "meta.v1.Verbs": _texts,
    "authentication.v1.ExtraValue": _texts,
    "authorization.v1.ExtraValue": _texts,
    "certificates.v1.ExtraValue": _texts,
}
