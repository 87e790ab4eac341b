"""StructType: the members of the built-in types, with their JSON names and protobuf numbers.

The tables are in ``structtypes.json``: ``kinds`` gives the type of each kind, ``messages`` lists
the fields of each type as ``[number, name, type, flags]`` and, if it is different, the name in
error messages. The file is read for the first document. ``named.toml`` contains the names that
types have only in Go.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from apiserver.machinery.documents import dump_json_to_keep
from apiserver.machinery.valueclasses import valueclass

SCALARS: Final = frozenset(["string", "bytes", "bool", "int32", "int64", "double"])

#: Types whose JSON is not an object with their members.
LEAVES: Final = SCALARS | {
    "apiextensions.v1.JSON",
    "apiextensions.v1.JSONSchemaPropsOrArray",
    "apiextensions.v1.JSONSchemaPropsOrBool",
    "apiextensions.v1.JSONSchemaPropsOrStringArray",
    "authentication.v1.ExtraValue",
    "authorization.v1.ExtraValue",
    "certificates.v1.ExtraValue",
    "intstr.IntOrString",
    "meta.v1.Duration",
    "meta.v1.FieldsV1",
    "meta.v1.MicroTime",
    "meta.v1.Time",
    "meta.v1.Verbs",
    "resource.Quantity",
    "runtime.RawExtension",
}
_MAP: Final = "map<string,"


@valueclass
class Field:
    """One member of a type.

    ``embedded``: its members are part of the parent's JSON object. ``pointer``: absent and zero are
    different values. ``optional``: JSON omits its empty value.
    """

    number: int
    name: str
    type: str
    label: str
    repeated: bool
    embedded: bool
    pointer: bool
    optional: bool
    #: The Go name of the type, such as ``v1.PodPhase``, if a scalar or a map has a named type.
    named: str = ""

    @property
    def is_map(self) -> bool:
        """Whether the field is a map; its keys are strings."""
        return self.type.startswith(_MAP)

    @property
    def value_type(self) -> str:
        """The type of the values of a map."""
        return self.type.removeprefix(_MAP).removesuffix(">")

    @property
    def is_struct(self) -> bool:
        """Whether the field is an object with members."""
        return not (self.repeated or self.is_map or self.type in LEAVES)

    @property
    def keeps_empty(self) -> bool:
        """Whether JSON shows the field when it is present and empty."""
        return self.pointer or self.is_struct or not self.optional

    @property
    def is_null_when_absent(self) -> bool:
        """Whether the field is always in the JSON, as null if it is absent."""
        return self.pointer or self.repeated or self.is_map or self.type == "bytes"


@valueclass
class StructType:
    """One type, with a name like ``core.v1.Pod``; ``is_kind`` if it has apiVersion and kind."""

    name: str
    fields: tuple[Field, ...]
    is_kind: bool

    @property
    def short_name(self) -> str:
        """The name without its package: ``Pod``."""
        return self.name.rpartition(".")[2]

    @property
    def go_name(self) -> str:
        """The name of the type in error messages: ``v1.Pod``."""
        return ".".join(self.name.split(".")[-2:])

    def members(self) -> Iterator[Field]:
        """Yield the fields in the order of the JSON object, including those of embedded types."""
        for field, _ in self.placed_members():
            yield field

    def placed_members(self) -> Iterator[tuple[Field, str]]:
        """Yield the members, each with its path in Go: ``VolumeSource.secret``."""
        for field in self.fields:
            if field.embedded:
                inner = struct_type(field.type)
                for member, path in inner.placed_members():
                    yield member, f"{inner.short_name}.{path}"
            else:
                yield field, field.name


def struct_of_kind(api_version: str, kind: str) -> StructType | None:
    """Return the type of a kind's objects, ``None`` if the kind is not built in."""
    kinds = _tables()["kinds"]
    name = kinds.get(f"{api_version}/{kind}") or kinds.get(f"*/{kind}")
    return struct_type(name) if name else None


@cache
def struct_type(name: str) -> StructType:
    """Return a type by its name: ``core.v1.Pod``."""
    named = _named().get(name, {})
    rows = orjson.loads(_tables()["messages"][name])
    fields = tuple(_field(row, named.get(row[1], "")) for row in rows)
    return StructType(name, fields, name in _kind_names())


def _field(row: list[Any], named: str) -> Field:
    number, name, type_, flags, *label = row
    return Field(
        number=number,
        name=name,
        type=type_,
        label=label[0] if label else name[:1].upper() + name[1:],
        repeated="r" in flags,
        embedded="i" in flags,
        pointer="p" in flags,
        optional="o" in flags,
        named=named,
    )


@cache
def _kind_names() -> frozenset[str]:
    return frozenset(_tables()["kinds"].values())


@cache
def _tables() -> dict[str, Any]:
    data = Path(__file__).with_name("structtypes.json").read_bytes()
    tables: dict[str, Any] = orjson.loads(data)
    # Few servers need more than some types, and text takes a fifth of the memory of lists.
    messages = {name: dump_json_to_keep(rows) for name, rows in tables["messages"].items()}
    return {"kinds": tables["kinds"], "messages": messages}


@cache
def _named() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("named.toml").read_text(encoding="utf-8"))
