"""What documents have more than those of an earlier version, and how it is removed from them."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.schema.emulatedtypes import difference
from apiserver.schema.structural import Schema

TEXT = Schema("string")


def members(**properties: Schema) -> Schema:
    return Schema("object", properties=properties)


ITEM = members(old=TEXT, new=TEXT)
FORMER_ITEM = members(old=TEXT)
PRESENT = members(
    kind=TEXT,
    old=TEXT,
    new=ITEM,
    one=ITEM,
    list=Schema("array", items=ITEM),
    map=Schema("object", values=ITEM),
    same=members(text=TEXT),
)
FORMER = members(
    old=TEXT,
    one=FORMER_ITEM,
    list=Schema("array", items=FORMER_ITEM),
    map=Schema("object", values=FORMER_ITEM),
    same=members(text=TEXT),
)


@pytest.mark.parametrize(
    ("document", "kept", "unknown"),
    [
        ({"old": "a"}, {"old": "a"}, []),
        ({"kind": "K", "apiVersion": "v1"}, {"kind": "K", "apiVersion": "v1"}, []),
        ({"new": {"old": "a"}, "old": "b"}, {"old": "b"}, ["new"]),
        ({"new": None}, {}, ["new"]),
        ({"one": {"old": "a", "new": "b"}}, {"one": {"old": "a"}}, ["one.new"]),
        ({"list": [{"new": 1}, {"old": 2}]}, {"list": [{}, {"old": 2}]}, ["list[0].new"]),
        ({"map": {"k": {"new": 1}}}, {"map": {"k": {}}}, ["map.k.new"]),
        # What no version knows, and values of other types, are left to the decoder.
        ({"other": 1, "same": {"new": 1}}, {"other": 1, "same": {"new": 1}}, []),
        ({"one": "text", "list": {"a": 1}}, {"one": "text", "list": {"a": 1}}, []),
        ("text", "text", []),
    ],
)
def test_only_what_is_new_is_removed(document: Any, kept: Any, unknown: list[str]) -> None:
    found: list[str] = []
    assert difference(PRESENT, FORMER).removed_from(document, "", found) == kept
    assert found == unknown


@pytest.mark.parametrize(
    ("path", "removed"),
    [
        ("new", True),
        ("new.old", True),
        ("one.new", True),
        ("list[3].new", True),
        ("map[a.b].new", True),
        ("old", False),
        ("list[3].old", False),
        ("list", False),
        ("other.new", False),
        ("", False),
    ],
)
def test_paths_of_errors_are_known(path: str, removed: bool) -> None:
    assert difference(PRESENT, FORMER).has(path) is removed


def test_types_may_contain_themselves() -> None:
    present, former = members(new=TEXT), members()
    for each in (present, former):
        each.properties["child"] = members(itself=each)
    document = {"child": {"itself": {"child": {"itself": {"new": 1}}}}}
    found: list[str] = []
    difference(present, former).removed_from(document, "", found)
    assert found == ["child.itself.child.itself.new"]


def test_nothing_is_removed_where_the_earlier_version_took_anything() -> None:
    anything = Schema("object", preserve_unknown_fields=True)
    removed = difference(members(one=ITEM), members(one=anything))
    assert removed.removed_from({"one": {"new": 1}}, "", []) == {"one": {"new": 1}}


def test_equal_types_have_no_difference_to_look_for() -> None:
    assert difference(PRESENT, PRESENT).inside == {}
