"""Laws of ownership, for random types, documents and managers.

The laws are stated by definitions that are as plain as can be: a document is a table of paths and
values (`Type.table`), a field set is a set of paths.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apiserver.fieldmanager import elements, fieldset, managedfields, pruning
from apiserver.fieldmanager.atoms import Atoms
from apiserver.fieldmanager.errors import Conflicts
from apiserver.fieldmanager.fieldset import FieldSet, Path
from apiserver.fieldmanager.manager import FieldManager
from apiserver.fieldmanager.merging import merge
from apiserver.fieldmanager.typed import compare, same, to_set
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.schema.structural import Schema
from apiserver.schema.structuraltypes import StructuralTypes

Table: TypeAlias = dict[Path, Any]
PLACE = object()  # stands in a table for a place that has others inside

NAMES = st.sampled_from(["a", "b", "c", "name", "x.y/z"])
NOW = "2024-01-01T00:00:00Z"
LATER = "2024-01-01T00:00:01Z"


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


@given(PATH_SETS)
def test_a_field_set_is_a_set_of_paths_and_its_document(paths: frozenset[Path]) -> None:
    fields = fieldset.of(*paths)
    assert paths_of(fields) == paths
    assert all(fieldset.has(fields, path) for path in paths)
    assert fieldset.parse(fieldset.ordered(fields)) == fields == fieldset.ordered(fields)


@given(PATH_SETS, PATH_SETS)
def test_field_sets_obey_the_laws_of_sets(one: frozenset[Path], other: frozenset[Path]) -> None:
    left, right = fieldset.of(*one), fieldset.of(*other)
    before = copy.deepcopy((left, right))
    assert fieldset.union(left, right) == fieldset.of(*(one | other))
    assert fieldset.intersection(left, right) == fieldset.of(*(one & other))
    assert fieldset.difference(left, right) == fieldset.of(*(one - other))
    below = {path for path in one if any(path[: len(end)] == end for end in other)}
    assert fieldset.without(left, right) == fieldset.of(*(one - below))
    assert (left, right) == before


@given(PATH_SETS)
def test_leaves_are_what_has_nothing_below(paths: frozenset[Path]) -> None:
    inner = {path for path in paths if any(p[: len(path)] == path != p for p in paths)}
    assert paths_of(fieldset.leaves(fieldset.of(*paths))) == paths - inner


@given(roots_and(1))
def test_a_document_claims_its_leaves_and_what_exists_by_itself(drawn: Any) -> None:
    root, document = drawn
    table = root.everything(document)
    claimed = paths_of(to_set(document, atom_of(root)))
    leaves = {path for path, value in table.items() if value is not PLACE}
    assert leaves <= claimed <= set(table)
    items = {path for path in table if path[-1][0] in "kv"}
    assert items <= claimed


@given(roots_and(2))
def test_a_comparison_is_the_difference_of_tables(drawn: Any) -> None:
    root, before, after = drawn
    old, new = root.everything(before), root.everything(after)
    changes = compare(before, after, atom_of(root))
    assert paths_of(changes.added) == new.keys() - old.keys()
    assert paths_of(changes.removed) == old.keys() - new.keys()
    common = old.keys() & new.keys()
    assert paths_of(changes.modified) == {path for path in common if not same(old[path], new[path])}


@given(roots_and(2))
def test_what_is_merged_is_there_and_so_is_the_rest(drawn: Any) -> None:
    root, live, applied = drawn
    before = copy.deepcopy((live, applied))
    merged = merge(live, applied, atom_of(root))
    old, new = root.everything(live), root.everything(applied)
    assert root.everything(merged) == {**old, **new}
    assert (live, applied) == before
    assert merge(merged, applied, atom_of(root)) is merged


ITEMS = st.lists(st.sampled_from("abcdefg"), unique=True, max_size=6)


@given(ITEMS, ITEMS)
def test_a_merged_list_keeps_both_orders(live: list[str], applied: list[str]) -> None:
    atom = Atoms().atom(SET.schema)
    merged = merge(live, applied, atom)
    assert [item for item in merged if item in applied] == applied
    only = [item for item in live if item not in applied]
    assert [item for item in merged if item in only] == only
    assert sorted(merged) == sorted({*live, *applied})


@given(roots_and(1), st.data())
def test_nothing_of_what_is_removed_is_left(drawn: Any, data: st.DataObject) -> None:
    root, document = drawn
    atom = atom_of(root)
    table = sorted(root.everything(document))
    gone = fieldset.of(*data.draw(st.sets(st.sampled_from(table))))
    rest = pruning.remove(document, gone, atom)
    kept = root.everything(rest)
    assert not fieldset.intersection(fieldset.of(*kept), gone)
    assert kept.keys() <= set(table)


class Kind:
    """The objects of a random kind, and their owners."""

    def __init__(self, root: Type) -> None:
        self.root = root
        kind = GroupVersionKind("", "v1", "Random")
        self.manager = FieldManager(StructuralTypes(kind, root.schema))

    def document(self, members: Any) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Random", "metadata": {}, **members}

    def apply(self, live: Any, members: Any, name: str, force: bool = False) -> dict[str, Any]:
        wanted = self.document(members)
        return self.manager.apply(live, wanted, manager=name, force=force, now=LATER)

    def update(self, live: Any, members: Any, name: str) -> dict[str, Any]:
        return self.manager.update(live, self.document(members), manager=name, now=NOW)

    def members(self, document: dict[str, Any]) -> dict[str, Any]:
        implied = ("apiVersion", "kind", "metadata")
        return {name: value for name, value in document.items() if name not in implied}

    def table(self, document: dict[str, Any]) -> Table:
        return self.root.everything(self.members(document))

    def owned(self, document: dict[str, Any]) -> dict[tuple[str, str], frozenset[Path]]:
        return {
            (owner.name, owner.operation): paths_of(entry["fieldsV1"])
            for owner, entry in managedfields.decode(managedfields.of(document)).items()
        }


@given(roots_and(1))
def test_applying_twice_is_applying_once(drawn: Any) -> None:
    root, wanted = drawn
    kind = Kind(root)
    once = kind.apply(None, wanted, "one")
    assert kind.apply(once, wanted, "one") is once
    assert kind.members(once) == wanted
    assert kind.owned(once) == {("one", "Apply"): frozenset(claims(root, wanted))}


@given(roots_and(2))
def test_a_lone_applier_gets_what_it_applies_and_nothing_else(drawn: Any) -> None:
    root, first, then = drawn
    kind = Kind(root)
    live = kind.apply(kind.apply(None, first, "one"), then, "one")
    assert kind.members(live) == then
    assert kind.owned(live) == {("one", "Apply"): frozenset(claims(root, then))}


@given(roots_and(2))
def test_managers_who_do_not_disagree_commute(drawn: Any) -> None:
    root, first, second = drawn
    one, other = root.everything(first), root.everything(second)
    assume(all(same(one[path], other[path]) for path in one.keys() & other.keys()))
    kind = Kind(root)
    this = kind.apply(kind.apply(None, first, "one"), second, "two")
    that = kind.apply(kind.apply(None, second, "two"), first, "one")
    assert unordered(kind.members(this)) == unordered(kind.members(that))
    assert kind.owned(this) == kind.owned(that)


@given(roots_and(2), st.booleans())
def test_a_conflict_is_another_value_for_somebody_s_field(drawn: Any, updated: bool) -> None:
    root, first, second = drawn
    kind = Kind(root)
    live = kind.update(None, first, "one") if updated else kind.apply(None, first, "one")
    theirs, ours = claims(root, first), claims(root, second)
    disputed = {p for p in theirs.keys() & ours.keys() if not same(theirs[p], ours[p])}
    if not disputed:
        kind.apply(live, second, "two")
        return
    before = copy.deepcopy(live)
    with pytest.raises(Conflicts) as conflicts:
        kind.apply(live, second, "two")
    assert live == before
    fields = next(iter(conflicts.value.owners.values()))
    assert paths_of(fields) == disputed
    assert len(conflicts.value.causes()) == len(disputed)


@given(roots_and(2))
def test_force_moves_ownership_and_nothing_else(drawn: Any) -> None:
    root, first, second = drawn
    kind = Kind(root)
    live = kind.apply(kind.apply(None, first, "one"), second, "two", force=True)
    theirs, ours = claims(root, first), claims(root, second)
    disputed = {p for p in theirs.keys() & ours.keys() if not same(theirs[p], ours[p])}
    left = {("one", "Apply"): frozenset(theirs.keys() - disputed)}
    expected = {k: v for k, v in left.items() if v} | {("two", "Apply"): frozenset(ours)}
    assert kind.owned(live) == expected
    assert kind.table(live) == {**root.everything(first), **root.everything(second)}


@given(roots_and(3))
def test_what_only_one_owned_and_gives_up_goes(drawn: Any) -> None:
    root, first, second, less = drawn
    kind = Kind(root)
    live = kind.apply(kind.apply(None, first, "one"), second, "two", force=True)
    live = kind.apply(live, less, "one", force=True)
    table = kind.table(live)
    owned = frozenset().union(*kind.owned(live).values())
    given_up = claims(root, first).keys() - owned
    assert not given_up & table.keys()
    assert owned <= table.keys() | {path for path, value in table.items() if value is PLACE}


@given(roots_and(2))
def test_an_update_owns_exactly_what_it_changed(drawn: Any) -> None:
    root, first, second = drawn
    kind = Kind(root)
    live = kind.update(kind.update(None, first, "one"), second, "two")
    old, new = root.everything(first), root.everything(second)
    written = {path for path in new if path not in old or not same(old[path], new[path])}
    left = new.keys() - written
    expected = {("one", "Update"): frozenset(left), ("two", "Update"): frozenset(written)}
    assert kind.owned(live) == {owner: paths for owner, paths in expected.items() if paths}


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["apply", "update"]), st.sampled_from(["one", "two", "three"])),
    min_size=1,
    max_size=6,
)


@given(roots_and(6), OPERATIONS)
def test_owners_own_something_that_is_there(
    drawn: tuple[Any, ...], operations: list[tuple[str, str]]
) -> None:
    root, *documents = drawn
    kind = Kind(root)
    live = None
    for (operation, name), wanted in zip(operations, documents, strict=False):
        before = copy.deepcopy(live)
        if operation == "apply":
            now = kind.apply(live, wanted, name, force=True)
        else:
            now = kind.update(live, wanted, name)
        assert live == before
        live = now
        entries = managedfields.of(live)
        assert all(entry["fieldsV1"] for entry in entries)
        assert managedfields.encode(managedfields.parse(entries)) == entries
        there = compare({}, kind.members(live), atom_of(root)).added
        for paths in kind.owned(live).values():
            assert paths <= paths_of(there)
