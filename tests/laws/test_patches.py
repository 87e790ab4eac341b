"""Invariants of patches.

Identity: an empty patch changes nothing. Difference: what turns one document into another, applied
to the one, gives the other. Idempotence: a merge twice is a merge once. Atomicity: whatever becomes
of a patch, the document that it was given stays as it was. Agreement: where no list is keyed and
nothing is directed, strategic merge patch is merge patch.
"""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import jsonpatch
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiserver.patch import json_patch, merge_patch, strategic_merge_patch
from apiserver.patch.errors import PatchError
from apiserver.schema.openapi import builtin_schema
from apiserver.schema.structural import Schema

NAMES = st.text(alphabet="ab/~-0", max_size=3)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.0, 1.0, 0.5]),
    st.text(alphabet="ab\u00e9", max_size=2),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)
#: Documents as merge patches leave them: in new objects they have no room for null.
WITHOUT_NULLS = st.recursive(
    SCALARS.filter(lambda value: value is not None),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
#: Patches whose lists hold no nulls: a list that replaces an object keeps them, another loses them.
WITHOUT_NULLS_IN_LISTS = st.recursive(
    st.dictionaries(NAMES, SCALARS | st.lists(WITHOUT_NULLS, max_size=3), max_size=4),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
PLAIN_DOCUMENTS = st.dictionaries(NAMES, WITHOUT_NULLS, max_size=4)

POD = builtin_schema("v1", "Pod")
assert POD is not None
KEYS = st.sampled_from(["a", "b", "c"])
ITEMS = st.lists(
    st.fixed_dictionaries({"name": KEYS}, optional={"value": st.sampled_from(["1", "2", None])}),
    max_size=3,
    unique_by=lambda item: item["name"],
)
CONTAINERS = st.lists(
    st.fixed_dictionaries({"name": KEYS}, optional={"env": ITEMS, "args": st.lists(KEYS)}),
    max_size=3,
    unique_by=lambda container: container["name"],
)
PODS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                "labels": st.dictionaries(KEYS, st.sampled_from(["1", None]), max_size=3),
                "finalizers": st.lists(KEYS, max_size=3, unique=True),
            },
        ),
        "spec": st.fixed_dictionaries(
            {},
            optional={"containers": CONTAINERS, "nodeName": st.sampled_from(["n", None])},
        ),
    },
)


def text(document: Any) -> bytes:
    """Tell 1 from true and from 1.0, which Python does not."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def decoded(value: Any) -> Any:
    """Return a document without its nulls: what a new item of a list keeps, decoding drops."""
    if isinstance(value, dict):
        return {name: decoded(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return value


def merge(document: Any, patch: Any) -> Any:
    return merge_patch.apply(document, merge_patch.parse(orjson.dumps(patch)))


def json(document: Any, operations: Any) -> Any:
    return json_patch.apply(document, json_patch.parse(orjson.dumps(operations)))


def strategic(document: Any, patch: Any, schema: Schema) -> Any:
    parsed = strategic_merge_patch.parse(orjson.dumps(patch))
    return strategic_merge_patch.apply(document, parsed, schema)


def difference(before: Any, after: Any) -> Any:
    """Return the merge patch from one document to another that has no nulls."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        if name in before and isinstance(value, dict) and isinstance(before[name], dict):
            patch[name] = difference(before[name], value)
        elif name not in before or text(before[name]) != text(value):
            patch[name] = value
    return patch


@given(DOCUMENTS)
def test_an_empty_patch_is_the_identity(document: dict[str, Any]) -> None:
    assert json(document, []) == document
    assert merge(document, {}) == document
    assert strategic(document, {}, Schema(type="object")) == document


@given(DOCUMENTS, DOCUMENTS)
def test_a_json_patch_of_the_difference_gives_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert text(json(before, jsonpatch.make_patch(before, after).patch)) == text(after)


@given(PLAIN_DOCUMENTS, PLAIN_DOCUMENTS)
def test_a_merge_patch_of_the_difference_gives_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert text(merge(before, difference(before, after))) == text(after)


@given(DOCUMENTS, WITHOUT_NULLS_IN_LISTS)
def test_a_merge_twice_is_a_merge_once(document: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge(document, patch)
    assert text(merge(once, patch)) == text(once)


@given(PODS, PODS)
def test_a_strategic_merge_twice_is_one_once(document: Any, patch: Any) -> None:
    assert POD is not None
    once = strategic(document, patch, POD)
    assert text(decoded(strategic(once, patch, POD))) == text(decoded(once))


PATHS = st.lists(st.sampled_from(["a", "b", "0", "-1", "-", "~0", ""]), max_size=3)
OPERATIONS = st.lists(
    st.builds(
        lambda op, path, source, value: {
            "op": op,
            "path": "".join(f"/{part}" for part in path),
            "from": "".join(f"/{part}" for part in source),
            "value": value,
        },
        st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
        PATHS,
        PATHS,
        VALUES,
    ),
    max_size=6,
)


@given(DOCUMENTS, OPERATIONS)
def test_whatever_operations_do_the_document_stays_as_it_was(
    document: dict[str, Any], operations: list[dict[str, Any]]
) -> None:
    before = copy.deepcopy(document)
    parsed = json_patch.parse(orjson.dumps(operations))
    untouched = copy.deepcopy(parsed.items)
    try:
        result = json_patch.apply(document, parsed)
    except PatchError:
        pass
    else:
        assert text(json_patch.apply(document, parsed)) == text(result)
    assert text(document) == text(before)
    assert parsed.items == untouched


CHANGES = st.lists(
    st.sampled_from([("/-", [1]), ("/0", [2]), ("/0/-", 3), ("/0/0", 4), ("/-1/-", 5)]), max_size=4
)


@given(st.lists(st.lists(st.integers(0, 9), min_size=1), min_size=1), CHANGES, CHANGES, CHANGES)
def test_a_part_that_is_copied_is_a_part_of_its_own(
    lists: list[list[int]], before: list[Any], of_one: list[Any], of_other: list[Any]
) -> None:
    def changes(where: str, steps: list[Any]) -> list[Any]:
        return [{"op": "add", "path": where + path, "value": value} for path, value in steps]

    shared = json({"a": lists}, changes("/a", before))["a"]
    together = json(
        {"a": lists},
        [
            *changes("/a", before),
            {"op": "copy", "from": "/a", "path": "/b"},
            *changes("/a", of_one),
            *changes("/b", of_other),
        ],
    )
    assert together["a"] == json({"a": shared}, changes("/a", of_one))["a"]
    assert together["b"] == json({"b": shared}, changes("/b", of_other))["b"]


DIRECTIVES = st.sampled_from(
    [
        {"$patch": "delete"},
        {"$patch": "replace"},
        {"$patch": "merge"},
        {"$retainKeys": ["labels", "containers", "name"]},
        {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]},
        {"$setElementOrder/finalizers": ["c", "a"]},
        {"$deleteFromPrimitiveList/finalizers": ["a"]},
        {"finalizers": [1]},
        {"containers": "none"},
        {},
    ]
)


@given(PODS, PODS, st.lists(DIRECTIVES, min_size=4, max_size=4))
def test_whatever_a_strategic_merge_does_the_document_stays_as_it_was(
    document: Any, patch: Any, directives: list[dict[str, Any]]
) -> None:
    assert POD is not None
    of_all, of_metadata, of_spec, of_item = directives
    metadata = {**patch.get("metadata", {}), **of_metadata}
    spec = {**patch.get("spec", {}), **of_spec}
    if isinstance(spec.get("containers"), list) and spec["containers"]:
        spec["containers"] = [{**spec["containers"][0], **of_item}, *spec["containers"][1:]]
    parsed = strategic_merge_patch.parse(
        orjson.dumps({**patch, **of_all, "metadata": metadata, "spec": spec})
    )
    before, untouched = copy.deepcopy(document), copy.deepcopy(parsed.document)
    with contextlib.suppress(PatchError):
        strategic_merge_patch.apply(document, parsed, POD)
    assert document == before
    assert parsed.document == untouched


def schema_of(document: Any, other: Any) -> Schema:
    """Return a schema of both without keyed lists."""
    schema = Schema(type="object")
    for name in [*document, *other]:
        values = [holder.get(name) for holder in (document, other)]
        if all(isinstance(value, dict) for value in values):
            schema.properties[name] = schema_of(*values)
        else:
            schema.properties[name] = Schema(type="array", items=Schema())
    return schema


@given(DOCUMENTS, PLAIN_DOCUMENTS)
def test_without_keys_and_directives_strategic_merge_is_merge(
    document: dict[str, Any], patch: dict[str, Any]
) -> None:
    expected = merge(document, patch)
    assert text(strategic(document, patch, schema_of(document, patch))) == text(expected)


@pytest.mark.parametrize("order", [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]])
def test_an_order_that_is_set_is_the_order(order: list[str]) -> None:
    assert POD is not None
    document = {"spec": {"containers": [{"name": name} for name in "abc"]}}
    directive = {"$setElementOrder/containers": [{"name": name} for name in order]}
    result = strategic(document, {"spec": directive}, POD)
    assert [item["name"] for item in result["spec"]["containers"]] == order
