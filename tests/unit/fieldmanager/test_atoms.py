"""Schemas as ownership sees them."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.fieldmanager import fieldset
from apiserver.fieldmanager.atoms import Atoms
from apiserver.fieldmanager.manager import DEDUCED_SCHEMA
from apiserver.fieldmanager.typed import compare, to_set
from apiserver.fieldmanager.validating import check
from apiserver.schema.openapi import builtin_schema
from apiserver.schema.structural import Schema


def claimed(schema: Schema | None, document: dict[str, Any]) -> list[str]:
    assert schema is not None
    fields = to_set(document, Atoms().document(schema))
    return [fieldset.path_text(path) for path in fieldset.paths(fields)]


@pytest.mark.parametrize(
    ("kind", "document", "paths"),
    [
        (
            ("apps/v1", "Deployment"),
            {"spec": {"selector": {"matchLabels": {"a": "b"}}}},
            [".spec.selector"],
        ),
        (
            ("apps/v1", "ControllerRevision"),
            {"data": {"spec": {"template": {}}}, "revision": 1},
            [".data", ".revision"],
        ),
        (
            ("v1", "Pod"),
            {"spec": {"topologySpreadConstraints": [{"topologyKey": "z", "maxSkew": 1}]}},
            [
                '.spec.topologySpreadConstraints[topologyKey="z",whenUnsatisfiable=""]',
                '.spec.topologySpreadConstraints[topologyKey="z",whenUnsatisfiable=""].maxSkew',
                '.spec.topologySpreadConstraints[topologyKey="z",whenUnsatisfiable=""].topologyKey',
            ],
        ),
        (
            ("v1", "ConfigMap"),
            {"metadata": {"ownerReferences": [{"uid": "u", "name": "o"}], "uid": "x"}},
            ['.metadata.ownerReferences[uid="u"]'],
        ),
        (("v1", "Secret"), {"data": {"k": "dg=="}}, [".data.k"]),
        (("v1", "Node"), {"spec": {"taints": [{"key": "k"}]}}, [".spec.taints"]),
    ],
)
def test_built_in_kinds_are_owned_by_their_list_and_map_types(
    kind: tuple[str, str], document: dict[str, Any], paths: list[str]
) -> None:
    assert claimed(builtin_schema(*kind), document) == paths


@pytest.mark.parametrize("schema", [DEDUCED_SCHEMA, builtin_schema("v1", "ConfigMap")])
def test_nobody_owns_what_names_an_object(schema: Schema) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "a",
            "namespace": "b",
            "uid": "c",
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": None,
            "selfLink": "/x",
            "managedFields": [],
        },
    }
    assert claimed(schema, document) == []
    changes = compare({}, document, Atoms().document(schema))
    assert (changes.added, changes.modified) == ({}, {})


def test_what_one_object_holds_of_another_has_its_own_metadata() -> None:
    template = Schema("object", preserve_unknown_fields=True, embedded_resource=True)
    schema = Schema("object", properties={"template": template})
    document = {
        "template": {
            "apiVersion": "v1",
            "metadata": {"name": "a", "finalizers": ["x"]},
            "spec": {"y": 1},
        }
    }
    assert claimed(schema, document) == [
        ".template.apiVersion",
        ".template.spec",
        ".template.metadata.name",
        '.template.metadata.finalizers[="x"]',
        ".template.spec.y",
    ]


def test_a_type_may_hold_itself() -> None:
    schema = Schema("object")
    schema.properties["inner"] = schema
    schema.properties["name"] = Schema("string")
    document = {"inner": {"inner": {"name": "x"}}}
    assert claimed(schema, document) == [".inner.inner.name"]
    check(document, Atoms().document(schema))


def test_kinds_share_what_their_schemas_share() -> None:
    atoms = Atoms()
    pod, template = (builtin_schema("v1", kind) for kind in ("Pod", "PodTemplate"))
    assert pod is not None
    assert template is not None
    shared = atoms.atom(pod.properties["metadata"])
    assert atoms.atom(template.properties["metadata"]) is shared


def test_unchanged_parts_are_not_looked_into() -> None:
    class Untouchable(dict[str, Any]):
        def items(self) -> Any:
            raise AssertionError("looked into")

    spec = Untouchable(a=1)
    schema = Schema("object", properties={"spec": Schema("object", values=Schema("integer"))})
    changes = compare({"spec": spec}, {"spec": spec, "kind": "x"}, Atoms().document(schema))
    assert changes.touched == {}
