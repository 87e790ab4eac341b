"""The types of a kind that is known by a schema alone."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.schema.kindtypes import MissingKind, Undecodable, WrongKind
from apiserver.schema.structural import Schema
from apiserver.schema.structuraltypes import StructuralTypes

GOOSE = GroupVersionKind("example.com", "v1", "Goose")
IDENTITY = {"kind": "Goose", "apiVersion": "example.com/v1"}


def struct(**properties: Schema) -> Schema:
    return Schema("object", properties=properties)


NUMBER = Schema("integer")
OPEN = Schema("object", properties={"closed": struct(k=NUMBER)}, preserve_unknown_fields=True)
TYPES = StructuralTypes(
    GOOSE,
    struct(
        spec=struct(
            a=NUMBER,
            open=OPEN,
            list=Schema("array", items=struct(k=NUMBER)),
            lists=Schema("array", items=Schema("array", items=struct(k=NUMBER))),
            map=Schema("object", values=struct(k=NUMBER)),
            whole=Schema("object", properties={"spec": struct(k=NUMBER)}, embedded_resource=True),
            anything=Schema(preserve_unknown_fields=True),
        )
    ),
)


@pytest.mark.parametrize(
    ("spec", "kept", "unknown"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, ["spec.b"]),
        ({"open": {"x": {"y": [1.0]}}}, {"open": {"x": {"y": [1]}}}, []),
        ({"open": {"closed": {"k": 1, "x": 2}}}, {"open": {"closed": {"k": 1}}},
         ["spec.open.closed.x"]),
        ({"list": [{"k": 1}, {"x": 1}]}, {"list": [{"k": 1}, {}]}, ["spec.list[1].x"]),
        ({"lists": [[{"x": 1}]]}, {"lists": [[{}]]}, ["spec.lists[0][0].x"]),
        ({"map": {"m": {"k": 1, "x": 1}}}, {"map": {"m": {"k": 1}}}, ["spec.map.m.x"]),
        ({"anything": [{"x": [{}]}]}, {"anything": [{"x": [{}]}]}, []),
        # What does not have its type is for validation to complain of.
        ({"a": {"x": 1}, "list": "x"}, {"a": {}, "list": "x"}, ["spec.a.x"]),
        (
            {"whole": {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n", "x": 1}, "y": 1,
                       "spec": {"z": 1}}},
            {"whole": {"apiVersion": "v1", "kind": "K", "spec": {},
                       "metadata": {"name": "n"}}},
            ["spec.whole.metadata.x", "spec.whole.spec.z", "spec.whole.y"],
        ),
    ],
)  # fmt: skip
def test_what_is_not_specified_is_pruned(
    spec: dict[str, Any], kept: dict[str, Any], unknown: list[str]
) -> None:
    document = {**IDENTITY, "metadata": {"name": "a"}, "spec": spec}
    before = deepcopy(document)
    decoded = TYPES.decode(document)
    assert document == before
    decoded.object["spec"].get("whole", {}).get("metadata", {}).pop("creationTimestamp", None)
    assert decoded.object["spec"] == kept
    assert decoded.problems == [f'unknown field "{path}"' for path in unknown]
    assert decoded.kind == GOOSE


def test_unknown_members_of_the_whole_object_come_in_order() -> None:
    decoded = TYPES.decode({**IDENTITY, "z": 1, "b": 2, "metadata": {"y": 1}})
    assert decoded.problems == [
        'unknown field "b"', 'unknown field "metadata.y"', 'unknown field "z"'
    ]  # fmt: skip


def test_a_document_says_which_kind_it_is() -> None:
    with pytest.raises(MissingKind):
        TYPES.decode({"apiVersion": "example.com/v1"})
    with pytest.raises(WrongKind, match="must be Goose") as wrong:
        TYPES.decode({**IDENTITY, "kind": "Swan", "metadata": {"name": "a"}})
    assert (wrong.value.kind.kind, wrong.value.name) == ("Swan", "a")
    other = TYPES.decode({**IDENTITY, "apiVersion": "example.com/v2"})
    assert other.kind == GOOSE._replace(version="v2")
    assert TYPES.decode({"kind": "Goose"}).kind == GroupVersionKind("", "", "Goose")


def test_metadata_have_the_types_of_all_metadata() -> None:
    with pytest.raises(Undecodable, match="cannot unmarshal number into Go struct field"):
        TYPES.decode({**IDENTITY, "metadata": {"name": 5}})
