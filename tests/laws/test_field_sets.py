"""Laws of field sets and of merging, for random types and documents."""

from __future__ import annotations

import copy
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from apiserver.fieldmanager import fieldset, pruning
from apiserver.fieldmanager.atoms import Atoms
from apiserver.fieldmanager.fieldset import Path
from apiserver.fieldmanager.merging import merge
from apiserver.fieldmanager.typed import compare, created, same, to_set
from tests.laws.random_types import (
    PATH_SETS,
    PLACE,
    SET,
    atom_of,
    paths_of,
    roots_and,
)


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


@given(roots_and(1), st.randoms(use_true_random=False))
def test_a_new_object_has_the_fields_that_a_comparison_with_a_blank_one_writes(
    drawn: Any, random: Any
) -> None:
    root, document = drawn
    blank = {
        name: random.choice([None, {}]) if isinstance(value, dict) else None
        for name, value in document.items()
        if random.random() < 0.5
    }
    written = compare(blank, document, atom_of(root)).written
    fields = created(blank, document, atom_of(root))
    assert orjson.dumps(fields) == orjson.dumps(fieldset.ordered(written))


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
