"""Layout: the members of the built-in types, with their JSON names and protobuf numbers.

The tables are data, ``layout.json``: ``kinds`` names the message of each kind, ``messages`` lists the
fields of each message as ``[number, name, type, flags]`` and, where it differs, the name that error
messages use. They are read when the first document is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

SCALARS: Final = frozenset(["string", "bytes", "bool", "int32", "int64", "double"])
_MAP: Final = "map<string,"


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a type.

    ``embedded``: its own members stand in the parent's JSON object. ``pointer``: absent and zero
    differ. ``optional``: JSON leaves its empty value out.
    """

    number: int
    name: str
    type: str
    label: str
    repeated: bool
    embedded: bool
    pointer: bool
    optional: bool

    @property
    def is_map(self) -> bool:
        """Whether the field is a map; its keys are strings."""
        return self.type.startswith(_MAP)

    @property
    def value_type(self) -> str:
        """The type of the values of a map."""
        return self.type.removeprefix(_MAP).removesuffix(">")


@dataclass(frozen=True, slots=True)
class Layout:
    """One type: ``name`` as in ``core.v1.Pod``; ``is_kind`` if objects of it may say what they are."""

    name: str
    fields: tuple[Field, ...]
    is_kind: bool

    @property
    def short_name(self) -> str:
        """``Pod``."""
        return self.name.rpartition(".")[2]

    @property
    def go_name(self) -> str:
        """``v1.Pod``, as error messages name the type."""
        return ".".join(self.name.split(".")[-2:])


def layout_of(api_version: str, kind: str) -> Layout | None:
    """Return the layout of a kind, ``None`` where it is not built in."""
    kinds = _tables()["kinds"]
    name = kinds.get(f"{api_version}/{kind}") or kinds.get(f"*/{kind}")
    return message(name) if name else None


@cache
def message(name: str) -> Layout:
    """Return the layout of a type."""
    tables = _tables()
    rows = tables["messages"][name]
    return Layout(name, tuple(map(_field, rows)), name in _kind_names())


def _field(row: list[Any]) -> Field:
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
    )


@cache
def _kind_names() -> frozenset[str]:
    return frozenset(_tables()["kinds"].values())


@cache
def _tables() -> dict[str, Any]:
    data = files("apiserver.schema").joinpath("layout.json").read_bytes()
    tables: dict[str, Any] = orjson.loads(data)
    return tables
