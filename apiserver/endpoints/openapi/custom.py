"""Schemas of custom kinds: that of their CustomResourceDefinition, and the fields of every object.

A CustomResourceDefinition describes only the fields of its kind. ``apiVersion``, ``kind`` and
``metadata`` are added here, at the top and in embedded resources, and Kubernetes' schema extensions
are translated to standard OpenAPI.
"""

from __future__ import annotations

from typing import Any

from apiserver.endpoints.openapi.definitions import META, REFERENCE_V3, Schema
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.definition import ResourceDefinition

_CONVENTIONS = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
_API_VERSION: Schema = {
    "description": "APIVersion defines the versioned schema of this representation of an object. "
    "Servers should convert recognized schemas to the latest internal value, and may reject "
    f"unrecognized values. More info: {_CONVENTIONS}#resources",
    "type": "string",
}
_KIND: Schema = {
    "description": "Kind is a string value representing the REST resource this object represents. "
    "Servers may infer this from the endpoint the client submits requests to. Cannot be updated. "
    f"In CamelCase. More info: {_CONVENTIONS}#types-kinds",
    "type": "string",
}
_METADATA: Schema = {
    "description": f"Standard object's metadata. More info: {_CONVENTIONS}#metadata",
    "allOf": [{"$ref": f"{REFERENCE_V3}{META}ObjectMeta"}],
}
_LIST_METADATA: Schema = {
    "description": f"Standard list metadata. More info: {_CONVENTIONS}#types-kinds",
    "allOf": [{"$ref": f"{REFERENCE_V3}{META}ListMeta"}],
}
_OBJECT = {"apiVersion": _API_VERSION, "kind": _KIND, "metadata": _METADATA}
_EMBEDDED: Schema = {
    "apiVersion": {
        "description": "apiVersion defines the versioned schema of this representation of an "
        f"object. More info: {_CONVENTIONS}#resources",
        "type": "string",
    },
    "kind": {
        "description": "kind is a string value representing the type of this object. In CamelCase. "
        f"More info: {_CONVENTIONS}#types-kinds",
        "type": "string",
    },
    "metadata": _METADATA,
}
#: The extension that lists the fields of field selectors.
SELECTABLE = "x-kubernetes-selectable-fields"
_PRESERVES = "x-kubernetes-preserve-unknown-fields"
_KINDS = "x-kubernetes-group-version-kind"


def model_name(kind: GroupVersionKind) -> str:
    """Return the name of the schema of a custom kind: ``com.example.v1.Goose``."""
    domain = ".".join(reversed(kind.group.split(".")))
    return f"{domain}.{kind.version}.{kind.kind}"


def schemas(definition: ResourceDefinition, schema: Schema | None) -> dict[str, Schema]:
    """Return the schemas of a kind and of its list; without a schema any object is valid."""
    kind = definition.gvk
    many = kind._replace(kind=definition.list_kind)
    name = model_name(kind)
    # Without a schema no fields are listed: clients would reject all others.
    item: Schema = {"type": "object"}
    if schema is not None:
        item = _published(schema)
        item["properties"] = {**item.get("properties", {}), **_OBJECT}
    item[_KINDS] = [kind._asdict()]
    return {
        name: item,
        model_name(many): {
            "description": f"{many.kind} is a list of {kind.kind}",
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": _API_VERSION,
                "kind": _KIND,
                "metadata": _LIST_METADATA,
                "items": {
                    "description": f"List of {definition.resource}. More info: {_CONVENTIONS}",
                    "type": "array",
                    "items": {"$ref": REFERENCE_V3 + name},
                },
            },
            _KINDS: [many._asdict()],
        },
    }


def without_members(schema: Schema) -> Schema:
    """Return the schema of a kind for version 2: if it preserves unknown fields, it lists none."""
    if not schema.get(_PRESERVES):
        return schema
    return {"type": "object"} | {key: schema[key] for key in (_KINDS, SELECTABLE) if key in schema}


def _published(schema: Schema) -> Schema:
    published: dict[str, Any] = dict(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(published.get(key), dict):
            published[key] = _published(published[key])
    if "properties" in published:
        published["properties"] = {
            name: _published(member) for name, member in published["properties"].items()
        }
    if published.get("x-kubernetes-int-or-string"):
        published.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    if published.get("x-kubernetes-embedded-resource"):
        published["properties"] = {**published.get("properties", {}), **_EMBEDDED}
        required = published.get("required", [])
        missing = [name for name in ("kind", "apiVersion") if name not in required]
        published["required"] = [*required, *missing]
    return published
