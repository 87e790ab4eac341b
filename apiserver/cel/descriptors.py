"""Types of the checker from schemas: objects become messages, whose fields it looks up.

Messages exist for the checker alone; no value is one. A list of lists, or a map of lists or maps,
has no form as the field of a message: what such an inner list has is not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)

from apiserver.cel.declarations import OPAQUE
from apiserver.cel.propertynames import escaped
from apiserver.schema.structural import Schema

_FIELD: Final = descriptor_pb2.FieldDescriptorProto
_WELL_KNOWN: Final = (any_pb2, duration_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
_DYNAMIC: Final = "google.protobuf.Value"
_LIST: Final = "google.protobuf.ListValue"
_STRUCT: Final = "google.protobuf.Struct"
#: Names of the types of the checker, for variables.
DYNAMIC: Final = "dyn"
_SCALARS: Final = {"boolean": "bool", "integer": "int", "number": "double"}
_FORMATS: Final = {
    "byte": "bytes", "date": "timestamp", "date-time": "timestamp", "datetime": "timestamp",
    "duration": "duration",
}  # fmt: skip
_FIELD_TYPES: Final = {
    "bool": _FIELD.TYPE_BOOL, "int": _FIELD.TYPE_INT64, "double": _FIELD.TYPE_DOUBLE,
    "string": _FIELD.TYPE_STRING, "bytes": _FIELD.TYPE_BYTES,
}  # fmt: skip
_MESSAGES: Final = {
    "timestamp": "google.protobuf.Timestamp", "duration": "google.protobuf.Duration",
    DYNAMIC: _DYNAMIC,
}  # fmt: skip


class SchemaTypes:
    """The types of the values of a schema, and of all that is in it, with the pool they are in."""

    def __init__(
        self,
        root: Schema | None,
        *,
        messages: Mapping[str, Mapping[str, str]] | None = None,
        others: Iterable[Schema] = (),
    ) -> None:
        """Make the types of a schema of whole objects, and ``messages`` by their fields.

        Of ``root`` only the names are known of metadata; ``others`` say themselves what they have.
        """
        self._file = _new_file("")
        self._messages = 0
        #: The name of the type of a schema, by the identity of the latter; "": it has no type.
        self._names: dict[int, str] = {}
        if root is not None:
            self._type_of(root, is_root=True)
        for other in others:
            self._type_of(other)
        files = {"": self._file}
        for name, fields in (messages or {}).items():
            package, _, plain = name.rpartition(".")
            file = files.setdefault(package, _new_file(package))
            message = file.message_type.add(name=plain)
            for field, type_ in fields.items():
                self._add(message, field, type_, package)
        self.pool = _pool(files.values())

    def name_of(self, schema: Schema) -> str:
        """Return the name of the type of a schema in the tree, "" if it has none."""
        return self._names.get(id(schema), "")

    def _type_of(self, schema: Schema, *, is_root: bool = False) -> str:
        name = self._names.get(id(schema))
        if name is None or is_root:
            name = self._names[id(schema)] = self._new(schema, is_root=is_root)
        return name

    def _new(self, schema: Schema, *, is_root: bool) -> str:
        if schema.int_or_string:
            return DYNAMIC
        if schema.type == "array":
            item = "" if schema.items is None else self._type_of(schema.items)
            return f"list<{item}>" if item else ""
        if schema.type == "object":
            if schema.values is not None and not schema.properties:
                value = self._type_of(schema.values)
                return f"map<string,{value}>" if value else ""
            return self._message(schema, is_root=is_root)
        if schema.type == "string":
            return _FORMATS.get(schema.format, "string")
        return _SCALARS.get(schema.type, "")

    def _message(self, schema: Schema, *, is_root: bool) -> str:
        self._messages += 1
        # It is known before its members are: a type may contain itself.
        name = self._names[id(schema)] = f"selfType{self._messages}"
        message = self._file.message_type.add(name=name)
        fields = {name: self._type_of(member) for name, member in schema.properties.items()}
        if is_root or schema.embedded_resource:
            fields |= {"apiVersion": "string", "kind": "string"}
            metadata = self._file.message_type.add(name=f"{name}_metadata")
            for member in ("name", "generateName"):
                self._add(metadata, member, "string")
            fields["metadata"] = metadata.name
        for field, type_ in fields.items():
            shown = escaped(field)
            if type_ and shown:
                self._add(message, shown, type_)
        return name

    def _add(self, message: Any, name: str, type_: str, package: str = "") -> None:
        number = len(message.field) + 1
        # Numbers from 19000 to 19999 are reserved.
        field = message.field.add(
            name=name,
            number=number if number < 19000 else number + 1000,
            label=_FIELD.LABEL_OPTIONAL,
            json_name=name,
        )
        if type_.startswith("list<"):
            field.label = _FIELD.LABEL_REPEATED
            _set_type(field, _element(type_[5:-1]))
        elif type_.startswith("map<"):
            entry = message.nested_type.add(name=_entry_name(name))
            entry.options.map_entry = True
            for number, (part, inner) in enumerate(
                (("key", "string"), ("value", _element(type_.partition(",")[2][:-1]))), start=1
            ):
                added = entry.field.add(name=part, number=number, label=_FIELD.LABEL_OPTIONAL)
                _set_type(added, inner)
            field.label, field.type = _FIELD.LABEL_REPEATED, _FIELD.TYPE_MESSAGE
            outer = f"{package}.{message.name}" if package else message.name
            field.type_name = f".{outer}.{entry.name}"
        else:
            _set_type(field, type_)


def _element(type_: str) -> str:
    """Return the type of the elements of a field: lists and maps in it are not checked further."""
    if type_.startswith("list<"):
        return _LIST
    return _STRUCT if type_.startswith("map<") else type_


def _set_type(field: Any, type_: str) -> None:
    if type_ in _FIELD_TYPES:
        field.type = _FIELD_TYPES[type_]
    else:
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{_MESSAGES.get(type_, type_)}"


def _entry_name(field: str) -> str:
    words = field.split("_")
    return "".join(word[:1].upper() + word[1:] for word in words) + "Entry"


def _new_file(package: str) -> Any:
    """Return a file of messages; they may have fields of the known types, and of each other."""
    return descriptor_pb2.FileDescriptorProto(
        name=f"apiserver/{package}/self.proto",
        package=package,
        syntax="proto3",
        dependency=[each.DESCRIPTOR.name for each in _WELL_KNOWN],
    )


def _pool(files: Iterable[Any]) -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for serialized in _files():
        pool.AddSerializedFile(serialized)
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _files() -> Iterator[bytes]:
    yield from (each.DESCRIPTOR.serialized_pb for each in _WELL_KNOWN)
    packages: dict[str, list[str]] = {}
    for name in OPAQUE:
        package, _, message = name.rpartition(".")
        packages.setdefault(package, []).append(message)
    for package, messages in packages.items():
        file = descriptor_pb2.FileDescriptorProto(
            name=f"apiserver/{package}.proto", package=package, syntax="proto3"
        )
        for message in messages:
            file.message_type.add(name=message)
        yield file.SerializeToString()
