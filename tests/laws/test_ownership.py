"""Laws of ownership, for random types, documents and managers.

The laws are stated by definitions that are as plain as can be: a document is a table of paths and
values (`Type.table`), a field set is a set of paths.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apiserver.fieldmanager import managedfields
from apiserver.fieldmanager.errors import Conflicts
from apiserver.fieldmanager.fieldset import Path
from apiserver.fieldmanager.manager import FieldManager
from apiserver.fieldmanager.typed import compare, same
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.schema.structuraltypes import StructuralTypes
from tests.laws.random_types import (
    PLACE,
    Table,
    Type,
    atom_of,
    claims,
    paths_of,
    roots_and,
    unordered,
)

NOW = "2024-01-01T00:00:00Z"
LATER = "2024-01-01T00:00:01Z"


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
