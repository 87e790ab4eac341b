"""Schemas and documents that are as deep as they may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apiserver.fieldmanager.atoms import ATOMS
from apiserver.machinery.documentlimits import MAX_DEPTH
from apiserver.machinery.documents import dump_json, parse_json
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.embeddedobjects import embedded_object_errors
from apiserver.schema.defaultrules import ValueChecks
from apiserver.schema.jsonschemaprops import structural_schema
from apiserver.schema.listtypes import list_type_problems
from apiserver.schema.structuralrules import structural_problems
from apiserver.schema.structuraltypes import StructuralTypes
from apiserver.schema.validation import validate, validate_update
from tests.unit.schema.structurals import STRING, Props, an_array, an_object

GOOSE = GroupVersionKind("example.com", "v1", "Goose")
IDENTITY = {"apiVersion": "example.com/v1", "kind": "Goose", "metadata": {"name": "a"}}
# What the schema is deep in: of a CustomResourceDefinition, in a request.
AROUND = 12
SET = {"x-kubernetes-list-type": "set"}


def nested(around: Callable[[Any], Any], inner: Any, levels: int) -> Any:
    for _ in range((MAX_DEPTH - AROUND) // levels):
        inner = around(inner)
    return inner


@pytest.mark.parametrize(
    ("around", "levels", "value"),
    [
        (lambda inner: an_array(inner, **SET), 1, lambda inner: [inner]),
        (lambda inner: {**an_object(a=inner), "default": {}}, 2, lambda inner: {"a": inner}),
        (lambda inner: {"type": "object", "additionalProperties": inner}, 1,
         lambda inner: {"a": inner}),
        (lambda inner: {"not": inner}, 1, None),
        (lambda inner: {"anyOf": [inner]}, 2, None),
        (lambda inner: {"oneOf": [{"properties": {"a": inner}}]}, 4, None),
    ],
)  # fmt: skip
def test_no_depth_is_too_deep(
    around: Callable[[Any], Props], levels: int, value: Callable[[Any], Any] | None
) -> None:
    props = an_object(spec=nested(around, {**STRING, "maxLength": 2}, levels))
    spec = 5 if value is None else nested(value, 5, levels)
    # It can be written and read.
    whole = {"spec": {"versions": [{"schema": {"openAPIV3Schema": props}}]}}
    assert parse_json(dump_json(whole)) == whole

    structural_problems(props, "", has_status=True, checks=ValueChecks(embedded_object_errors))
    types = StructuralTypes(GOOSE, structural_schema(props))
    document = types.decode({**IDENTITY, "spec": spec}).object
    old = {**document, "spec": None}
    assert document["spec"] == spec
    assert types.from_storage({**document, "metadata": {"generation": 1}})["spec"] == spec
    validate(document, types.schema)
    validate_update(document, old, types.schema)
    list_type_problems(document, types.schema)
    embedded_object_errors(document, types.schema)
    ATOMS.atom(types.schema)
