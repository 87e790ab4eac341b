"""Gadgets: a kind of a CustomResourceDefinition, with all that one can declare of a version."""

from __future__ import annotations

import copy
from typing import Any

from tests.definitions import crd
from tests.unit.server.in_process import Answer, InProcess
from tests.waiting import eventually

GROUP = "things.example.com"
NAME = f"gadgets.{GROUP}"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GADGETS = f"/apis/{GROUP}/v1/namespaces/default/gadgets"
BETA = f"/apis/{GROUP}/v1beta1/namespaces/default/gadgets"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A gadget.",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "default": 3, "maximum": 9},
                "replicas": {"type": "integer"},
                "color": {"type": "string"},
                "tags": {
                    "type": "array",
                    "x-kubernetes-list-type": "set",
                    "items": {"type": "string"},
                },
                "template": {
                    "type": "object",
                    "x-kubernetes-embedded-resource": True,
                    "x-kubernetes-preserve-unknown-fields": True,
                },
            },
        },
        "status": {
            "type": "object",
            "properties": {
                "replicas": {"type": "integer"},
                "selector": {"type": "string"},
                "ready": {"type": "boolean"},
            },
        },
    },
}


def definition(**changes: Any) -> dict[str, Any]:
    """Return the CustomResourceDefinition; ``changes`` are of version v1."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": copy.deepcopy(_SCHEMA)},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "First", "type": "string", "jsonPath": ".spec.tags[0]", "priority": 1},
        ],
        "selectableFields": [{"jsonPath": ".spec.color"}],
    }
    return named("gadgets", "Gadget", {**version, **changes})


def named(plural: str, kind: str, *versions: dict[str, Any]) -> dict[str, Any]:
    """Return a definition of a kind with short versions or whole ones."""
    return crd(
        GROUP,
        plural,
        kind,
        *({"storage": False, **version} for version in versions),
        names={
            "singular": kind.lower(),
            "listKind": f"{kind}List",
            "shortNames": [plural[:2]],
            "categories": ["all"],
        },
    )


async def define(api: InProcess, document: dict[str, Any]) -> None:
    """Create a definition, and wait until it is served."""
    created = await api.ask("POST", DEFINITIONS, document)
    assert created.status == 201, created.body
    spec = document["spec"]
    version = next(each["name"] for each in spec["versions"] if each["served"])
    catalog = api.server.registry.catalog
    await eventually(lambda: catalog.resource(GROUP, version, spec["names"]["plural"]))


async def change(api: InProcess, document: dict[str, Any]) -> None:
    """Replace the spec of a definition."""
    path = f"{DEFINITIONS}/{document['metadata']['name']}"
    # A patch is tried again where a controller has written the status meanwhile.
    operations = [{"op": "replace", "path": "/spec", "value": document["spec"]}]
    written = await api.ask("PATCH", path, operations, JSON_PATCH)
    assert written.status == 200, written.body


def gadget(name: str = "a", version: str = "v1", **members: Any) -> dict[str, Any]:
    """Return a gadget."""
    kind = {"apiVersion": f"{GROUP}/{version}", "kind": "Gadget", "metadata": {"name": name}}
    return {**kind, **members}


async def created(api: InProcess, name: str = "a", **spec: Any) -> Answer:
    """Create a gadget."""
    answer = await api.ask("POST", GADGETS, gadget(name, spec=spec))
    assert answer.status == 201, answer.body
    return answer
