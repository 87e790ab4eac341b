"""CustomResourceDefinitions are served: with validation, defaults, status, scale and columns."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from apiserver.testing.conformance.conformance_client import APPLY_PATCH, MERGE_PATCH, Api

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1},
                "color": {"type": "string", "default": "red"},
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "k": {"type": "string"}},
                    },
                },
            },
            "x-kubernetes-validations": [
                {"rule": "self.size < 10 || self.color == 'blue'", "message": "too large"}
            ],
        },
        "status": {"type": "object", "properties": {"seen": {"type": "integer"}}},
    },
}


def definition(group: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"boxes.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "boxes", "singular": "box", "kind": "Box"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": SCHEMA},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.size",
                            "statusReplicasPath": ".status.seen",
                        },
                    },
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
                    ],
                }
            ],
        },
    }


@pytest.fixture(scope="module")
def group(api: Api) -> Iterator[str]:
    """Return the API group of a definition that is served."""
    name = f"conformance-{uuid.uuid4().hex[:8]}.example.com"
    made = api.make(DEFINITIONS, definition(name))
    path = f"{DEFINITIONS}/{made['metadata']['name']}"

    def established() -> bool:
        conditions = api.read(path).get("status", {}).get("conditions") or []
        return ("Established", "True") in [(each["type"], each["status"]) for each in conditions]

    api.wait_for(established)
    api.wait_for(lambda: api.get(f"/apis/{name}/v1/boxes").status == 200)
    yield name
    api.send("DELETE", path)


@pytest.fixture
def boxes(group: str, namespace: str) -> str:
    """Return the path of the custom resources in a new namespace."""
    return f"/apis/{group}/v1/namespaces/{namespace}/boxes"


def box(boxes: str, **spec: Any) -> dict[str, Any]:
    api_version = "/".join(boxes.split("/")[2:4])
    return {"apiVersion": api_version, "kind": "Box", "metadata": {"name": "b"}, "spec": spec}


def test_they_are_in_discovery(api: Api, group: str) -> None:
    resources = api.read(f"/apis/{group}/v1")["resources"]
    assert {each["name"] for each in resources} == {"boxes", "boxes/scale", "boxes/status"}


def test_defaults_are_set_and_unknown_fields_dropped(api: Api, boxes: str) -> None:
    document = box(boxes, size=1, unknown=True)
    assert api.send("POST", f"{boxes}?fieldValidation=Strict", document).status == 400
    made = api.make(boxes, document)
    assert made["spec"] == {"size": 1, "color": "red"}
    assert api.read(f"{boxes}/b") == made


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"size": 0}, "spec.size"),
        ({"size": "large"}, "spec.size"),
        ({}, "spec.size"),
        ({"size": 10}, "spec"),
        ({"size": 1, "parts": [{"name": "a"}, {"name": "a"}]}, "spec.parts[1]"),
    ],
)
def test_the_schema_holds(api: Api, boxes: str, spec: dict[str, Any], field: str) -> None:
    answer = api.send("POST", boxes, box(boxes, **spec))
    assert (answer.status, answer.json["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in answer.json["details"]["causes"]]


def test_status_and_scale_are_written_apart(api: Api, boxes: str) -> None:
    api.make(boxes, box(boxes, size=2) | {"status": {"seen": 7}})
    change = {"spec": {"size": 5}, "status": {"seen": 1}}
    changed = api.send("PATCH", f"{boxes}/b/status", change, MERGE_PATCH).json
    assert (changed["spec"]["size"], changed["status"]) == (2, {"seen": 1})
    scale = api.read(f"{boxes}/b/scale")
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (2, 1)
    api.send("PATCH", f"{boxes}/b/scale", {"spec": {"replicas": 3}}, MERGE_PATCH)
    assert api.read(f"{boxes}/b")["spec"]["size"] == 3


def test_elements_of_lists_have_owners(api: Api, boxes: str) -> None:
    path = f"{boxes}/b?fieldManager="
    one = box(boxes, size=1, parts=[{"name": "a", "k": "1"}])
    other = box(boxes, parts=[{"name": "b"}])
    assert api.send("PATCH", f"{path}one", one, APPLY_PATCH).status == 201
    merged = api.send("PATCH", f"{path}two", other, APPLY_PATCH).json
    assert [part["name"] for part in merged["spec"]["parts"]] == ["a", "b"]
    stolen = box(boxes, parts=[{"name": "a", "k": "2"}])
    assert api.send("PATCH", f"{path}two", stolen, APPLY_PATCH).status == 409


def test_columns_are_those_of_the_definition(api: Api, boxes: str) -> None:
    api.make(boxes, box(boxes, size=2))
    table = api.get(boxes, accept=TABLE).json
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size"]
    assert table["rows"][0]["cells"] == ["b", 2]


def test_they_are_in_openapi(api: Api, group: str) -> None:
    document = api.wait_for(
        lambda: (
            api.get(f"/openapi/v3/apis/{group}/v1").status == 200
            and api.read(f"/openapi/v3/apis/{group}/v1")
        )
    )
    kinds = [
        kind["kind"]
        for schema in document["components"]["schemas"].values()
        for kind in schema.get("x-kubernetes-group-version-kind", [])
    ]
    assert "Box" in kinds


def test_names_and_schemas_are_validated(api: Api) -> None:
    wrong = definition("wrong.example.com")
    wrong["metadata"]["name"] = "other.wrong.example.com"
    assert api.send("POST", DEFINITIONS, wrong).status == 422
