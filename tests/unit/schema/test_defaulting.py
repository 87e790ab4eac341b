"""Defaults, and nulls without one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from apiserver.schema.defaulting import fill_defaults
from apiserver.schema.structuralpruning import prune_value
from tests.unit.schema.structurals import STRING, a_map, an_array, an_object, schema_of

TEXT = {**STRING, "default": "x"}
NULLABLE = {**STRING, "nullable": True}
NULLABLE_TEXT = {**TEXT, "nullable": True}

SCHEMA = schema_of(
    size={"type": "integer", "default": 3},
    plain=STRING,
    maybe=NULLABLE,
    mode=NULLABLE_TEXT,
    outer=an_object(inner=TEXT, plain=STRING),
    whole={**an_object(x=STRING, y=TEXT), "default": {"x": "given"}},
    list=an_array(an_object(a=TEXT, b=STRING)),
    texts=an_array(TEXT),
    plains=an_array(STRING),
    map=a_map(an_object(a=TEXT)),
    values=a_map(TEXT),
    plain_values=a_map(STRING),
    open=a_map(True),
)
ALWAYS: dict[str, Any] = {"size": 3, "mode": "x", "whole": {"x": "given", "y": "x"}}


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({}, {}),
        ({"size": 1, "mode": "y", "whole": {}}, {"size": 1, "mode": "y", "whole": {"y": "x"}}),
        # A null that is allowed stays, one that is not is replaced, or removed.
        ({"size": None, "mode": None, "whole": None}, {"mode": None}),
        ({"plain": None, "maybe": None}, {"maybe": None}),
        # Only objects that exist get members.
        ({"outer": {}}, {"outer": {"inner": "x"}}),
        ({"outer": None}, {}),
        ({"outer": {"inner": None, "plain": None}}, {"outer": {"inner": "x"}}),
        ({"list": [{}, {"a": "y"}, None]}, {"list": [{"a": "x"}, {"a": "y"}, None]}),
        ({"texts": [None, "y"]}, {"texts": ["x", "y"]}),
        # An item stays in its place.
        ({"plains": [None]}, {"plains": [None]}),
        ({"map": {"k": {}, "gone": None}}, {"map": {"k": {"a": "x"}}}),
        ({"values": {"k": None}}, {"values": {"k": "x"}}),
        ({"plain_values": {"k": None, "l": "y"}}, {"plain_values": {"l": "y"}}),
        ({"open": {"k": None}}, {"open": {"k": None}}),
        # What has not its type is for validation.
        ({"outer": [1], "list": "x", "map": 1}, {"outer": [1], "list": "x", "map": 1}),
    ],
)  # fmt: skip
def test_members_that_are_missing_or_null(given: dict[str, Any], filled: dict[str, Any]) -> None:
    before = deepcopy(given)
    document, _ = prune_value(given, SCHEMA)
    fill_defaults(document, SCHEMA)
    assert document == {**ALWAYS, **filled}
    assert given == before


def test_a_document_gets_copies() -> None:
    first: dict[str, Any] = {}
    fill_defaults(first, SCHEMA)
    first["whole"]["x"] = "changed"
    second: dict[str, Any] = {}
    fill_defaults(second, SCHEMA)
    assert second == ALWAYS
