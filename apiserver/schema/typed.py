"""Documents -> canonical documents: what is left of one when it has been a typed Go object.

Types are checked, members that the type does not have are dropped and reported, empty members that
JSON leaves out are left out, members that it always shows are there, quantities and times have their
canonical form. A canonical document is what clients of a built-in kind see.

A type is compiled once into readers: functions from a JSON value to a canonical one. Where something
is wrong the readers add to its path on the way out, so that nothing is spent on paths otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.schema.layout import SCALARS, Field, Layout, message
from apiserver.schema.scalars import SCALAR_READERS, Mismatch

_MAX_PROBLEMS: Final = 100
_TYPE_META: Final = ("apiVersion", "kind")

# Paths of members that are not known; each is relative to the value that a reader has read.
Unknown: TypeAlias = list[str]
Reader: TypeAlias = Callable[[Any, Unknown], Any]


class DecodeError(ValueError):
    """A document does not have the type of its kind; the text is that of Go's decoder."""


@dataclass(frozen=True, slots=True)
class Canonical:
    """The members of an object but for apiVersion and kind; and the complaints about the document."""

    object: Object
    problems: list[str]


def canonicalise(layout: Layout, document: Object) -> Canonical:
    """Read a document as its type. Raises DecodeError."""
    unknown: Unknown = []
    try:
        canonical = _struct(layout.name).read(document, unknown)
    except Mismatch as mismatch:
        raise DecodeError(mismatch.complaint()) from mismatch
    except ValueError as error:
        raise DecodeError(str(error)) from error
    for name in _TYPE_META:
        canonical.pop(name, None)
    paths = list(dict.fromkeys(unknown))[:_MAX_PROBLEMS]
    return Canonical(canonical, [f"unknown field {quote(path)}" for path in paths])


@dataclass(frozen=True, slots=True)
class _Member:
    read: Reader
    keeps_empty: bool


class _Struct:
    """Reads objects of one type."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._members: dict[str, _Member] = {}
        self._always: list[tuple[str, Reader | None]] = []
        if layout.is_kind:
            text = _Member(SCALAR_READERS["string"], keeps_empty=False)
            self._members.update(dict.fromkeys(_TYPE_META, text))
        self._add(layout.fields)

    def read(self, value: Any, unknown: Unknown) -> Any:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise Mismatch(value, self._layout.go_name)
        members = self._members
        result = {}
        name = ""
        try:
            for name, item in value.items():  # noqa: B007 - the handler below names the last one
                member = members.get(name)
                if member is None:
                    unknown.append(name)
                    continue
                if item is None:
                    continue
                before = len(unknown)
                canonical = member.read(item, unknown)
                if len(unknown) > before:
                    unknown[before:] = [_joined(name, path) for path in unknown[before:]]
                if canonical or member.keeps_empty:
                    result[name] = canonical
        except Mismatch as mismatch:
            mismatch.enter(name, self._layout.short_name)
            raise
        for name, zero in self._always:
            if name not in result:
                result[name] = zero(None, unknown) if zero is not None else None
        return result

    def _add(self, fields: tuple[Field, ...]) -> None:
        for field in fields:
            if field.embedded:
                self._add(message(field.type).fields)
                continue
            many = field.repeated or field.is_map
            leaf = field.type in SCALAR_READERS or field.type in _SPECIAL
            is_struct = not many and not leaf
            keeps = field.pointer or is_struct or not field.optional
            self._members[field.name] = _Member(_reader(field), keeps)
            if not field.optional:
                nothing = field.pointer or many or field.type == "bytes"
                self._always.append((field.name, None if nothing else _reader(field)))


@cache
def _struct(name: str) -> _Struct:
    return _Struct(message(name))


def _reader(field: Field) -> Reader:
    if field.is_map:
        return _map_reader(_value_reader(field.value_type), _go_name(field.value_type))
    read = _value_reader(field.type)
    return _list_reader(read, _go_name(field.type)) if field.repeated else read


def _value_reader(type_: str) -> Reader:
    if type_ in SCALAR_READERS:
        return SCALAR_READERS[type_]
    if type_ in _SPECIAL:
        return _SPECIAL[type_]
    # A type may hold itself, so the reader of a struct is found when it is needed.
    return lambda value, unknown: _struct(type_).read(value, unknown)


def _list_reader(read: Reader, item_type: str) -> Reader:
    def read_list(value: Any, unknown: Unknown) -> Any:
        if not isinstance(value, list):
            raise Mismatch(value, f"[]{item_type}")
        result = []
        for index, item in enumerate(value):
            before = len(unknown)
            result.append(read(item, unknown))
            if len(unknown) > before:
                unknown[before:] = [_joined(f"[{index}]", path) for path in unknown[before:]]
        return result

    return read_list


def _map_reader(read: Reader, value_type: str) -> Reader:
    def read_map(value: Any, unknown: Unknown) -> Any:
        if not isinstance(value, dict):
            raise Mismatch(value, f"map[string]{value_type}")
        result = {}
        for key, item in value.items():
            before = len(unknown)
            result[key] = read(item, unknown)
            if len(unknown) > before:
                unknown[before:] = [_joined(key, path) for path in unknown[before:]]
        return result

    return read_map


def _joined(name: str, path: str) -> str:
    return name + path if path.startswith("[") else f"{name}.{path}"


def _go_name(type_: str) -> str:
    if type_ in SCALARS:
        return {"bytes": "[]uint8", "double": "float64"}.get(type_, type_)
    return ".".join(type_.split(".")[-2:])


_SCHEMA: Final = "apiextensions.v1.JSONSchemaProps"


def _anything(value: Any, unknown: Unknown) -> Any:
    return value


def _texts(value: Any, unknown: Unknown) -> Any:
    if value is None:
        return None
    return _list_reader(SCALAR_READERS["string"], "string")(value, unknown)


def _schema(value: Any, unknown: Unknown) -> Any:
    return _struct(_SCHEMA).read(value, unknown)


def _schema_or_schemas(value: Any, unknown: Unknown) -> Any:
    if isinstance(value, list):
        return _list_reader(_schema, "v1.JSONSchemaProps")(value, unknown)
    return _schema(value, unknown)


def _schema_or_bool(value: Any, unknown: Unknown) -> Any:
    if isinstance(value, dict):
        return _schema(value, unknown)
    if isinstance(value, bool):
        return value
    raise ValueError("boolean or JSON schema expected")


def _schema_or_texts(value: Any, unknown: Unknown) -> Any:
    return _texts(value, unknown) if isinstance(value, list) else _schema(value, unknown)


# Types whose JSON is not that of their members.
_SPECIAL: Final[dict[str, Reader]] = {
    "runtime.RawExtension": _anything,
    "meta.v1.FieldsV1": _anything,
    "apiextensions.v1.JSON": _anything,
    "apiextensions.v1.JSONSchemaPropsOrArray": _schema_or_schemas,
    "apiextensions.v1.JSONSchemaPropsOrBool": _schema_or_bool,
    "apiextensions.v1.JSONSchemaPropsOrStringArray": _schema_or_texts,
    "meta.v1.Verbs": _texts,
    "authentication.v1.ExtraValue": _texts,
    "authorization.v1.ExtraValue": _texts,
    "certificates.v1.ExtraValue": _texts,
}
