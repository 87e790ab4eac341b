"""Classes of protobuf messages, made from a table when it is loaded, without generated code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

#: Fields by message. A field is its number, its name and its type, with the word "repeated" or
#: "oneof" before the type; the members of a message's only "oneof" are marked by that word.
Messages: TypeAlias = Mapping[str, Sequence[str]]
#: The names of values, by message and enum; a field names an enum as ``Message.Enum``.
Enums: TypeAlias = Mapping[str, Mapping[str, Sequence[str]]]

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "int64": _Field.TYPE_INT64,
    "uint64": _Field.TYPE_UINT64,
    "string": _Field.TYPE_STRING,
}


def message_classes(file: str, package: str, messages: Messages, enums: Enums) -> dict[str, Any]:
    """Return the class of each message. ``file`` is the name of the file they are declared in.

    They have a space of names of their own, so other clients in the process do not matter.
    """
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_declared(file, package, messages, enums).SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in messages
    }


def _declared(
    name: str, package: str, messages: Messages, enums: Enums
) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3")
    for message_name, fields in messages.items():
        message = file.message_type.add(name=message_name)
        for enum, values in enums.get(message_name, {}).items():
            described = message.enum_type.add(name=enum)
            for number, value in enumerate(values):
                described.value.add(name=value, number=number)
        if any(" oneof " in field for field in fields):
            message.oneof_decl.add(name="choice")
        for field in fields:
            message.field.append(_field(package, *field.split()))
    return file


def _field(
    package: str, number: str, name: str, *words: str
) -> descriptor_pb2.FieldDescriptorProto:
    *qualities, kind = words
    field = _Field(name=name, number=int(number), label=_Field.LABEL_OPTIONAL)
    if "repeated" in qualities:
        field.label = _Field.LABEL_REPEATED
    if "oneof" in qualities:
        field.oneof_index = 0
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _Field.TYPE_ENUM if "." in kind else _Field.TYPE_MESSAGE
        field.type_name = f".{package}.{kind}"
    return field
