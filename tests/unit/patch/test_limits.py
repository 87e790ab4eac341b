"""What patches may cost, and how they are read where fields are not validated."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import orjson
import pytest

from apiserver.machinery.documentlimits import MAX_DEPTH
from apiserver.patch import json_patch, merge_patch, strategic_merge_patch
from apiserver.patch.errors import (
    MAX_OPERATIONS,
    MalformedPatch,
    PatchDoesNotApply,
    TooManyOperations,
)
from apiserver.patch.json_patch_operations import MAX_COPIED
from apiserver.schema.structural import Schema


def json(*operations: dict[str, Any]) -> json_patch.Operations:
    return json_patch.parse(orjson.dumps(operations))


def test_ten_thousand_operations_are_allowed_and_one_more_is_not() -> None:
    operation = {"op": "add", "path": "/a", "value": 1}
    allowed = json(*[operation] * MAX_OPERATIONS)
    assert json_patch.apply({}, allowed) == {"a": 1}
    with pytest.raises(TooManyOperations, match="10000, got 10001") as error:
        json(*[operation] * (MAX_OPERATIONS + 1))
    assert error.value.count == MAX_OPERATIONS + 1


def test_copies_may_make_three_mebibytes() -> None:
    document = {"a": "x" * (MAX_COPIED // 3 - 2), "copies": []}
    copies = [{"op": "copy", "from": "/a", "path": "/copies/-"}] * 4
    assert len(json_patch.apply(document, json(*copies[:3]))["copies"]) == 3
    with pytest.raises(PatchDoesNotApply, match="exceed"):
        json_patch.apply(document, json(*copies))


@pytest.mark.parametrize("levels", [1, 2])
def test_what_operations_make_can_be_written(levels: int) -> None:
    """A document of the greatest depth may be moved about, but not down."""
    document: dict[str, Any] = {"a": {}, "b": {}}
    inner = document["a"]
    for _ in range(MAX_DEPTH - 3):
        inner["a"] = {}
        inner = inner["a"]
    path = "/b" * levels
    patch = json({"op": "move", "from": "/a", "path": path})
    if levels == 1:
        assert orjson.dumps(json_patch.apply(document, patch))
    else:
        deeper = json(
            {"op": "add", "path": "/b/b", "value": {}},
            {"op": "move", "from": "/a", "path": "/b/b/b"},
        )
        with pytest.raises(PatchDoesNotApply, match="deeply"):
            json_patch.apply(document, deeper)


def test_values_below_long_paths_can_be_written() -> None:
    nested: Any = {}
    for _ in range(MAX_DEPTH // 2):
        nested = {"v": nested}
    steps = [{"op": "add", "path": "/p" * n, "value": {}} for n in range(1, MAX_DEPTH // 2 + 2)]
    last = {"op": "add", "path": "/p" * (MAX_DEPTH // 2 + 2), "value": nested}
    assert orjson.dumps(json_patch.apply({}, json(*steps)))
    with pytest.raises(PatchDoesNotApply, match="deeply"):
        json_patch.apply({}, json(*steps, last))


@pytest.mark.parametrize(
    ("parse", "body", "message"),
    [
        (json_patch.parse, b"", "error decoding patch: unexpected end of JSON input"),
        (merge_patch.parse, b"", "error decoding patch: unexpected end of JSON input"),
        (merge_patch.parse, b"{", "error decoding patch: unexpected end of JSON input"),
        (strategic_merge_patch.parse, b"", "unexpected end of JSON input"),
        (
            strategic_merge_patch.parse,
            b"data: {k: x}",
            "invalid character 'd' looking for beginning of value",
        ),
        (
            strategic_merge_patch.parse,
            b"[]",
            "json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
    ],
)
def test_bodies_that_are_no_patches(parse: Any, body: bytes, message: str) -> None:
    with pytest.raises(MalformedPatch) as error:
        parse(body)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("parse", "body", "message"),
    [
        (json_patch.parse, b"[", "unexpected end of JSON input"),
        (
            json_patch.parse,
            b"{}",
            "json: cannot unmarshal object into Go value of type jsonpatch.Patch",
        ),
        (
            json_patch.parse,
            b"[1]",
            "json: cannot unmarshal number into Go value of type jsonpatch.Operation",
        ),
        (merge_patch.parse, b"{", "Invalid JSON Patch"),
        (merge_patch.parse, b"1", "Invalid JSON Patch"),
        (merge_patch.parse, b"null", "Invalid JSON Patch"),
    ],
)
def test_bodies_that_are_no_patches_whatever_the_fields(
    parse: Any, body: bytes, message: str
) -> None:
    with pytest.raises(MalformedPatch) as error:
        parse(body, validated=False)
    assert str(error.value) == message


def test_a_merge_patch_that_is_a_list_takes_the_place_of_all_where_nobody_looks() -> None:
    patch = merge_patch.parse(b'[{"a": null, "b": 1}, null]', validated=False)
    assert merge_patch.apply({"c": 2}, patch) == [{"b": 1}, None]


def test_members_that_are_named_twice_are_told() -> None:
    twice = b'{"spec": {"replicas": 2, "replicas": 3}}'
    problems = ['duplicate field "spec.replicas"']
    assert merge_patch.parse(twice).problems == problems
    assert strategic_merge_patch.parse(twice).problems == problems
    assert strategic_merge_patch.parse(twice, validated=False).problems == []
    operations = b'[{"op": "add", "op": "test", "path": "/a", "value": {"b": 1, "b": 2}}]'
    assert json_patch.parse(operations).problems == [
        'json patch duplicate field "[0].op"',
        'json patch duplicate field "[0].value.b"',
    ]


def test_a_null_as_a_strategic_patch_changes_nothing() -> None:
    assert strategic_merge_patch.parse(b"null").document == {}


def test_deleting_many_items_costs_as_much_as_there_are() -> None:
    def calls(count: int) -> int:
        calls = 0

        def note(frame: FrameType, event: str, argument: object) -> None:
            nonlocal calls
            calls += 1

        containers = [{"name": f"c{index}"} for index in range(count)]
        items = [{"name": f"x{index}", "$patch": "delete"} for index in range(count)]
        patch = strategic_merge_patch.StrategicMergePatch({"containers": items})
        schema = Schema(
            type="object",
            properties={
                "containers": Schema(
                    type="array",
                    items=Schema(type="object"),
                    patch_strategy=("merge",),
                    patch_merge_key="name",
                )
            },
        )
        sys.setprofile(note)
        try:
            merged = strategic_merge_patch.apply({"containers": containers}, patch, schema)
        finally:
            sys.setprofile(None)
        assert merged == {"containers": containers}
        return calls

    assert calls(400) < 2.6 * calls(200)
