"""Stored custom objects are pruned and defaulted when they are read."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.schema.jsonschemaprops import structural_schema
from apiserver.schema.kindtypes import DecodeError
from apiserver.schema.structuraltypes import StructuralTypes
from tests.unit.schema.structurals import INTEGER, STRING, a_map, an_array, an_object

GOOSE = GroupVersionKind("example.com", "v1", "Goose")
TYPES = StructuralTypes(GOOSE, lambda: structural_schema(an_object(spec=an_object(
    name=STRING,
    maybe={**STRING, "nullable": True},
    size={**INTEGER, "default": 3},
    null={**STRING, "nullable": True, "default": "x"},
    inner=an_object(on={"type": "boolean", "default": True}),
    list=an_array(an_object(k=STRING)),
    defaulted=an_array({**an_object(k=STRING), "default": {"k": "v"}}),
    map=a_map(an_object(k=STRING)),
    any=a_map(True),
    open={**an_object(closed=an_object(k=STRING)), "x-kubernetes-preserve-unknown-fields": True},
    whole={**an_object(spec=an_object(k=STRING)), "x-kubernetes-embedded-resource": True},
))))  # fmt: skip
FULL = {"size": 1, "null": "x"}


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        (FULL, True),
        ({**FULL, "name": "a", "maybe": None, "null": None}, True),
        ({"null": "x"}, False),
        ({**FULL, "size": None}, False),
        ({**FULL, "name": None}, False),
        ({**FULL, "x": 1}, False),
        ({**FULL, "inner": {"on": False}}, True),
        ({**FULL, "inner": {}}, False),
        ({**FULL, "list": [{"k": "a"}, {}, None]}, True),
        ({**FULL, "list": [{"x": 1}]}, False),
        ({**FULL, "defaulted": [{"k": "a"}]}, True),
        ({**FULL, "defaulted": [None]}, False),
        ({**FULL, "map": {"a": {"k": "a"}}}, True),
        ({**FULL, "map": {"a": {"x": "a"}}}, False),
        ({**FULL, "map": {"a": None}}, False),
        ({**FULL, "any": {"a": 1, "b": [1], "c": None}}, True),
        ({**FULL, "any": {"a": {"b": 1}}}, False),
        ({**FULL, "open": {"x": {"y": 1}, "closed": {"k": "a"}}}, True),
        ({**FULL, "open": {"closed": {"x": 1}}}, False),
        ({**FULL, "whole": {"apiVersion": "v1", "kind": "K", "metadata": {"name": "a"}}}, True),
        ({**FULL, "whole": {"apiVersion": "v1", "x": 1}}, False),
        ({**FULL, "name": {"x": 1}}, False),
        ({**FULL, "name": [1]}, True),
    ],
)
def test_an_object_in_its_form_is_not_copied(spec: dict[str, Any], canonical: bool) -> None:
    metadata = {"name": "a", "generation": 1, "resourceVersion": "7"}
    document = {"apiVersion": "example.com/v1", "kind": "Goose", "metadata": metadata, "spec": spec}
    before = deepcopy(document)
    completed = TYPES.from_storage(document)
    assert document == before
    # A list with a null is copied without need.
    assert (completed is document) is canonical or None in spec.get("list", ())
    assert completed["spec"] == TYPES.decode_json(document).object["spec"]
    assert (completed == document) is canonical
    assert TYPES.from_storage(completed)["spec"] == completed["spec"]


def test_metadata_of_old_objects_is_repaired() -> None:
    metadata = {"name": "a", "labels": [1], "annotations": {"a": "b"}}
    document = {"apiVersion": "example.com/v1", "kind": "Goose", "metadata": metadata}
    completed = TYPES.from_storage(document)
    assert completed["metadata"] == {"name": "a", "annotations": {"a": "b"}, "generation": 1}


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        ({"kind": 1}, "spec.whole.kind: Invalid value: 1: must be a string"),
        (
            {"metadata": {"name": "a", "labels": {"a": [1]}}},
            'spec.whole.metadata: Invalid value: {"labels":{"a":[1]},"name":"a"}: json: cannot '
            "unmarshal array into Go struct field ObjectMeta.labels of type string",
        ),
    ],
)
def test_objects_inside_must_be_objects(whole: dict[str, Any], message: str) -> None:
    with pytest.raises(DecodeError) as refused:
        TYPES.decode_json({"metadata": {}, "spec": {"whole": whole}})
    assert str(refused.value) == message
