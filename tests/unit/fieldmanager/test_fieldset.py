"""Field sets as FieldsV1 documents."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.fieldmanager import fieldset
from apiserver.fieldmanager.elements import MalformedElement

A: dict[str, Any] = {"f:a": {}}
AB: dict[str, Any] = {"f:a": {"f:b": {}}}
A_AND_AB: dict[str, Any] = {"f:a": {".": {}, "f:b": {}}}
AC: dict[str, Any] = {"f:a": {"f:c": {}}}


@pytest.mark.parametrize(
    ("one", "other", "union", "intersection", "difference", "without"),
    [
        (A, A, A, A, {}, {}),
        (A, {}, A, {}, A, A),
        ({}, A, A, {}, {}, {}),
        (A, AB, A_AND_AB, {}, A, A),
        (AB, A, A_AND_AB, {}, AB, {}),
        (A_AND_AB, A, A_AND_AB, A, AB, {}),
        (A_AND_AB, AB, A_AND_AB, AB, A, A),
        (A, A_AND_AB, A_AND_AB, A, {}, {}),
        (AB, AC, {"f:a": {"f:b": {}, "f:c": {}}}, {}, AB, AB),
        (A_AND_AB, A_AND_AB, A_AND_AB, A_AND_AB, {}, {}),
    ],
)
def test_the_algebra_of_places_and_what_is_below(
    one: Any, other: Any, union: Any, intersection: Any, difference: Any, without: Any
) -> None:
    assert fieldset.union(one, other) == union
    assert fieldset.intersection(one, other) == intersection
    assert fieldset.difference(one, other) == difference
    assert fieldset.without(one, other) == without


def test_an_operation_without_effect_returns_its_operand() -> None:
    big = {"f:x": A_AND_AB, "f:y": {}}
    assert fieldset.union(big, {"f:x": AB}) is big
    assert fieldset.difference(big, {"f:z": {}}) is big
    assert fieldset.without(big, {"f:y": AB}) is big


def test_a_place_is_a_member_by_itself_or_not_at_all() -> None:
    assert fieldset.has(A_AND_AB, ("f:a",))
    assert not fieldset.has(AB, ("f:a",))
    assert fieldset.has(AB, ("f:a", "f:b"))
    assert not fieldset.has(A, ("f:a", "f:b"))
    assert not fieldset.has({}, ("f:a",))


def test_leaves_are_the_members_with_nothing_below() -> None:
    assert fieldset.leaves({"f:x": A_AND_AB, "f:y": {}}) == {"f:x": AB, "f:y": {}}


def test_paths_come_members_first() -> None:
    fields = {"f:b": {"f:x": {}}, "f:c": {}, "f:a": {".": {}, "v:2": {}, "v:10": {}}}
    assert [fieldset.path_text(path) for path in fieldset.paths(fields)] == [
        ".a",
        ".c",
        ".a[=2]",
        ".a[=10]",
        ".b.x",
    ]


def test_a_set_is_made_of_paths() -> None:
    assert fieldset.of(("f:a",), ("f:a", "f:b"), ("f:c", "v:1")) == {
        "f:a": {".": {}, "f:b": {}},
        "f:c": {"v:1": {}},
    }


def test_a_pattern_keeps_what_is_on_its_paths_and_below_their_ends() -> None:
    pattern = {"f:spec": {"f:containers": {"*": {"f:resources": {}}}}}
    item = 'k:{"name":"web"}'
    fields = {
        "f:metadata": {"f:labels": {}},
        "f:spec": {
            "f:containers": {item: {".": {}, "f:image": {}, "f:resources": {"f:limits": {}}}},
            "f:replicas": {},
        },
    }
    assert fieldset.only(fields, pattern) == {
        "f:spec": {"f:containers": {item: {".": {}, "f:resources": {"f:limits": {}}}}}
    }
    assert fieldset.only({"f:status": {}}, pattern) == {}


def test_the_written_order_is_that_of_the_reference() -> None:
    fields = {"f:b": {}, "f:a": {'k:{"port":80}': {}, 'k:{"port":9}': {}, ".": {}}}
    assert list(fieldset.ordered(fields)) == ["f:a", "f:b"]
    assert list(fieldset.ordered(fields)["f:a"]) == [".", 'k:{"port":9}', 'k:{"port":80}']


def test_a_client_s_document_is_made_canonical() -> None:
    document = {
        ".": {},
        "f:a": {".": {"ignored": 1}},
        "f:b": {'k:{"b":1, "a":2}': {}, 'k:{"a":2,"b":1}': {"f:x": {}}},
        "z:unknown": 5,
    }
    assert fieldset.parse(document) == {
        "f:a": {},
        "f:b": {'k:{"a":2,"b":1}': {".": {}, "f:x": {}}},
    }


@pytest.mark.parametrize("document", [None, [], "x", {"f:a": None}, {"f:a": {"bad": {}}}])
def test_what_is_no_field_set_is_refused(document: Any) -> None:
    with pytest.raises(MalformedElement):
        fieldset.parse(document)
