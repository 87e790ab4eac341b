"""Random types, documents of them, and their tables by definition.

A document is a table of paths and values (`Type.table`), a field set is a set of paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from hypothesis import strategies as st

from apiserver.fieldmanager import elements, fieldset
from apiserver.fieldmanager.atoms import Atoms
from apiserver.fieldmanager.fieldset import FieldSet, Path
from apiserver.fieldmanager.typed import to_set
from apiserver.schema.structural import Schema

Table: TypeAlias = dict[Path, Any]
PLACE = object()  # stands in a table for a place that has others inside

NAMES = st.sampled_from(["a", "b", "c", "name", "x.y/z"])


@dataclass
class Type:
    """A type, documents of it, and the table of a document by definition."""

    schema: Schema
    values: st.SearchStrategy[Any]
    table: Callable[[Any, Path], Table]

    def everything(self, document: Any) -> Table:
        """Return all places of a document but the document itself."""
        return {path: value for path, value in self.table(document, ()).items() if path}


def leaf(schema: Schema, values: st.SearchStrategy[Any]) -> Type:
    return Type(schema, values, lambda value, path: {path: value})


INTEGER = leaf(Schema("integer"), st.integers(0, 2))
TEXT = leaf(Schema("string"), st.sampled_from(["", "x", "<y>"]))
TRUTH = leaf(Schema("boolean"), st.booleans())
ATOMIC_LIST = leaf(
    Schema("array", items=Schema("integer")), st.lists(st.integers(0, 2), min_size=1, max_size=3)
)
ATOMIC_MAP = leaf(
    Schema("object", values=Schema("string"), map_type="atomic"),
    st.dictionaries(NAMES, st.sampled_from(["x", "y"]), min_size=1, max_size=2),
)
SET = Type(
    Schema("array", items=Schema("string"), list_type="set"),
    st.lists(st.sampled_from("abcd"), unique=True, min_size=1, max_size=4),
    lambda value, path: {
        path: PLACE,
        **{(*path, elements.set_item(item)): item for item in value},
    },
)


def struct(members: dict[str, Type]) -> Type:
    def table(value: Any, path: Path) -> Table:
        found: Table = {path: PLACE}
        for name, inner in value.items():
            found |= members[name].table(inner, (*path, "f:" + name))
        return found

    values = st.fixed_dictionaries(
        {}, optional={name: member.values for name, member in members.items()}
    )
    properties = {name: member.schema for name, member in members.items()}
    return Type(Schema("object", properties=properties), values.filter(bool), table)


def mapping(value_type: Type) -> Type:
    def table(value: Any, path: Path) -> Table:
        found: Table = {path: PLACE}
        for name, inner in value.items():
            found |= value_type.table(inner, (*path, "f:" + name))
        return found

    values = st.dictionaries(NAMES, value_type.values, min_size=1, max_size=3)
    return Type(Schema("object", values=value_type.schema), values, table)


def keyed(members: dict[str, Type]) -> Type:
    item = struct(members)

    def table(value: Any, path: Path) -> Table:
        found: Table = {path: PLACE}
        for inner in value:
            element = elements.keyed_item([("id", inner["id"])])
            found |= item.table(inner, (*path, element))
        return found

    rest = st.fixed_dictionaries(
        {"id": st.sampled_from("pqr")},
        optional={name: member.values for name, member in members.items() if name != "id"},
    )
    values = st.lists(rest, unique_by=lambda inner: inner["id"], min_size=1, max_size=3)
    schema = Schema("array", items=item.schema, list_type="map", list_map_keys=("id",))
    return Type(schema, values, table)


LEAVES = st.sampled_from([INTEGER, TEXT, TRUTH, ATOMIC_LIST, ATOMIC_MAP, SET])
MEMBERS = st.sampled_from(["a", "b", "c", "d"])
TYPES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(MEMBERS, inner, min_size=1, max_size=4).map(struct),
        inner.map(mapping),
        st.dictionaries(MEMBERS, inner, max_size=3).map(lambda m: keyed({"id": TEXT, **m})),
    ),
    max_leaves=6,
)
ROOTS = st.dictionaries(MEMBERS, TYPES, min_size=1, max_size=4).map(struct)


@st.composite
def roots_and(draw: st.DrawFn, count: int) -> tuple[Any, ...]:
    """Draw a type and some documents of it."""
    root = draw(ROOTS)
    return (root, *(draw(root.values) for _ in range(count)))


def atom_of(root: Type) -> Any:
    return Atoms().atom(root.schema)


def claims(root: Type, document: Any) -> Table:
    """Return what a document claims: leaves, and places that are not declared members."""
    atom = atom_of(root)
    claimed = to_set(document, atom)
    return {
        path: value
        for path, value in root.everything(document).items()
        if value is not PLACE or fieldset.has(claimed, path)
    }


def unordered(value: Any) -> Any:
    """Return a value that is equal to another if they differ in the order of items only."""
    if isinstance(value, dict):
        return {name: unordered(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted((unordered(item) for item in value), key=elements.json_text)
    return value


ELEMENTS = st.sampled_from(["f:a", "f:b", "v:1", 'k:{"id":"p"}'])
PATHS = st.lists(ELEMENTS, min_size=1, max_size=3).map(tuple)
PATH_SETS = st.frozensets(PATHS, max_size=8)


def paths_of(fields: FieldSet) -> frozenset[Path]:
    return frozenset(fieldset.paths(fields))
