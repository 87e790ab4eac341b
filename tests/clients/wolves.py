"""Wolves: a custom kind, in a group of its own for each test."""

from __future__ import annotations

import uuid
from typing import Any

from tests.definitions import crd, with_schema


def a_group() -> str:
    """Return the name of a new group."""
    return f"g{uuid.uuid4().hex[:8]}.example.com"


def wolves(group: str, *, scope: str = "Namespaced") -> dict[str, Any]:
    """Return the CustomResourceDefinition of wolves, with a status and a scale."""
    spec = {
        "type": "object",
        "description": "What a wolf should be.",
        "properties": {
            "size": {"type": "integer", "default": 3, "description": "How large it is."},
            "replicas": {"type": "integer", "minimum": 0},
            "names": {
                "type": "array",
                "items": {"type": "string"},
                "x-kubernetes-list-type": "set",
            },
            "ports": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
                },
            },
        },
    }
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {
        "type": "object",
        "description": "A wolf.",
        "properties": {"spec": spec, "status": status},
    }
    version = with_schema(
        schema,
        subresources={
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.n"},
        },
        additionalPrinterColumns=[
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Names", "type": "string", "jsonPath": ".spec.names", "priority": 1},
        ],
        selectableFields=[{"jsonPath": ".spec.size"}],
    )
    # Not the category "all": other tests, which remember kinds for longer, get that.
    names = {"shortNames": ["wf"], "categories": ["pack"]}
    return crd(group, "wolves", "Wolf", version, names=names, scope=scope)


def wolf(group: str, name: str = "a", **spec: Any) -> dict[str, Any]:
    """Return a wolf."""
    kind = {"apiVersion": f"{group}/v1", "kind": "Wolf"}
    return {**kind, "metadata": {"name": name}, "spec": spec}
