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


@pytest.mark.parametrize(
    ("whole", "error", "kept"),
    [
        (
            {"kind": 5, "metadata": {"name": "n"}, "spec": {"k": 1}},
            "spec.whole.kind: Invalid value: 5: must be a string",
            {"metadata": {"name": "n"}, "spec": {"k": 1}},
        ),
        (
            {"metadata": {"name": "n", "labels": {"b": 1, "a": "<"}, "generateName": 1}},
            'spec.whole.metadata: Invalid value: {"generateName":1,"labels":{"a":"\\u003c","b":1},'
            '"name":"n"}: json: cannot unmarshal number into Go struct field ObjectMeta.labels of '
            "type string",
            {"metadata": {"name": "n"}},
        ),
    ],
)
def test_malformed_objects_inside_are_refused_and_mended_in_the_store(
    whole: dict[str, Any], error: str, kept: dict[str, Any]
) -> None:
    document = {**IDENTITY, "metadata": {"name": "a", "uid": 5}, "spec": {"whole": whole}}
    with pytest.raises(Undecodable) as refused:
        TYPES.decode({**document, "metadata": {"name": "a"}})
    assert str(refused.value) == error
    # Of the whole object, too; and it is so old that it has no generation.
    assert TYPES.from_storage(document) == {
        **IDENTITY, "metadata": {"name": "a", "generation": 1}, "spec": {"whole": kept},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ({"values": TYPES.schema.properties["spec"].properties["whole"]}, "m[x]"),
        ({"items": TYPES.schema.properties["spec"].properties["whole"]}, "m[0]"),
    ],
)
def test_malformed_objects_have_paths_as_in_field_errors(kind: dict[str, Any], where: str) -> None:
    types = StructuralTypes(GOOSE, struct(m=Schema("", **kind)))
    bad = {"apiVersion": []}
    with pytest.raises(Undecodable) as refused:
        types.decode({**IDENTITY, "m": {"x": bad} if "values" in kind else [bad]})
    assert str(refused.value) == f"{where}.apiVersion: Invalid value: []: must be a string"


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
