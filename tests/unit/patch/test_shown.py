"""Documents as messages show them."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.patch import json_patch, merge_patch
from apiserver.patch.shown import go_text, go_type, go_value, patched_json
from apiserver.schema.memberorder import in_order
from apiserver.schema.structtypes import struct_of_kind

DOCUMENT: dict[str, Any] = {
    "metadata": {"labels": {"b": "<&>", "a": "1"}, "name": "a"},
    "apiVersion": "v1",
    "kind": "Pod",
    "spec": {
        "restartPolicy": "Always",
        "containers": [{"imagePullPolicy": "Always", "image": "i", "name": "c"}],
    },
}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "<nil>"),
        (True, "true"),
        (80, "80"),
        ("text", "text"),
        ({}, "map[]"),
        ([], "[]"),
        ({"b": [1, "x"], "a": {"c": None}}, "map[a:map[c:<nil>] b:[1 x]]"),
        (1.0, "1"),
        (0.25, "0.25"),
        (-0.0, "-0"),
        (1e-5, "1e-05"),
        (0.0001, "0.0001"),
        (1.5e20, "150000000000000000000"),
        (1e21, "1e+21"),
        (-1.25e300, "-1.25e+300"),
    ],
)
def test_values_as_go_prints_them(value: Any, shown: str) -> None:
    assert go_value(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x", "x"),
        (None, "%!s(<nil>)"),
        (1, "%!s(int64=1)"),
        (True, "%!s(bool=true)"),
        (["x", 0.5], "[x %!s(float64=0.5)]"),
        ({"a": "x"}, "map[a:x]"),
    ],
)
def test_values_as_texts_that_they_are_not(value: Any, shown: str) -> None:
    assert go_text(value) == shown


def test_types_have_their_go_names() -> None:
    values = [None, {}, [], "", 1, 1.0, True]
    assert list(map(go_type, values)) == [
        "%!s(<nil>)",
        "map[string]interface {}",
        "[]interface {}",
        "string",
        "int64",
        "float64",
        "bool",
    ]


def shown(after: Any) -> str:
    struct = struct_of_kind("v1", "Pod")
    return patched_json(DOCUMENT, after, lambda whole: in_order(struct, whole))


METADATA = r'{"name":"a","labels":{"a":"1","b":"\u003c\u0026\u003e"}}'
SPEC = (
    '{"containers":[{"name":"c","image":"i","imagePullPolicy":"Always"}],"restartPolicy":"Always"}'
)


def test_what_a_patch_has_not_touched_stands_as_its_type_declares_it() -> None:
    patch = merge_patch.parse(b'{"status": {"phase": "x", "message": "m"}}')
    assert shown(merge_patch.apply(DOCUMENT, patch)) == (
        f'{{"apiVersion":"v1","kind":"Pod","metadata":{METADATA},"spec":{SPEC},'
        '"status":{"message":"m","phase":"x"}}'
    )


def test_what_a_patch_has_touched_is_sorted_by_name() -> None:
    patch = json_patch.parse(b'[{"op": "add", "path": "/spec/containers/0/args", "value": []}]')
    assert shown(json_patch.apply(DOCUMENT, patch)) == (
        f'{{"apiVersion":"v1","kind":"Pod","metadata":{METADATA},"spec":{{"containers":['
        '{"args":[],"image":"i","imagePullPolicy":"Always","name":"c"}],"restartPolicy":"Always"}}'
    )


def test_the_document_itself_is_sorted_even_if_nothing_has_touched_it() -> None:
    assert shown(DOCUMENT) == (
        f'{{"apiVersion":"v1","kind":"Pod","metadata":{METADATA},"spec":{SPEC}}}'
    )
