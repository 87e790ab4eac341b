"""Version 2 (Swagger) documents: everything in one document, media types per operation.

Its schemas are more limited: a value has one type, null is not allowed, and there are no unions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from apiserver.endpoints.openapi.definitions import REFERENCE_V2, Schema
from apiserver.endpoints.openapi.operations import TEXT, Operation, Parameter, Path, reason
from apiserver.version import GIT_VERSION

_SECURITY = {
    "BearerToken": {
        "description": "Bearer Token authentication",
        "type": "apiKey",
        "name": "authorization",
        "in": "header",
    }
}
_UNSAID = frozenset(["allOf", "anyOf", "oneOf", "not", "nullable", "default"])
_FORM = frozenset(["type", "properties", "items", "additionalProperties", "required"])


def document(paths: Iterable[Path], schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """Return the document of these paths and schemas."""
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": GIT_VERSION},
        "paths": {path.path: _path(path) for path in paths},
        "definitions": schemas,
        "securityDefinitions": _SECURITY,
        "security": [{"BearerToken": []}],
    }


def reduced(schema: Schema) -> Schema:
    """Return a version 3 schema as far as version 2 can express it."""
    unsaid = set(_UNSAID)
    if schema.get("x-kubernetes-int-or-string"):
        unsaid.add("type")
    elif schema.get("nullable"):
        unsaid |= _FORM
    elif schema.get("x-kubernetes-preserve-unknown-fields"):
        # Clients reject properties that are not listed, so none are listed.
        unsaid |= _FORM - {"type"}
    kept = {key: value for key, value in schema.items() if key not in unsaid}
    for reference in [schema, *schema.get("allOf", ())]:
        if "$ref" in reference:
            kept["$ref"] = REFERENCE_V2 + reference["$ref"].rpartition("/")[2]
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = reduced(kept[key])
    if "properties" in kept:
        kept["properties"] = {name: reduced(member) for name, member in kept["properties"].items()}
    return kept


def _path(path: Path) -> dict[str, Any]:
    item: dict[str, Any] = {each.method: _operation(path.tag, each) for each in path.operations}
    if path.parameters:
        item["parameters"] = [_parameter(each) for each in path.parameters]
    return item


def _operation(tag: str, operation: Operation) -> dict[str, Any]:
    parameters = [_parameter(each) for each in operation.parameters]
    if operation.body:
        body: dict[str, Any] = {
            "in": "body", "name": "body", "schema": {"$ref": REFERENCE_V2 + operation.body}
        }  # fmt: skip
        if operation.body_required:
            body["required"] = True
        parameters.insert(0, body)
    rendered: dict[str, Any] = {
        "consumes": operation.consumes,
        "description": operation.description,
        "operationId": operation.name,
        "parameters": parameters,
        "produces": operation.produces,
        "responses": _responses(operation),
        "schemes": ["https"],
        "tags": [tag],
    }
    if not parameters:
        del rendered["parameters"]
    if operation.action:
        rendered["x-kubernetes-action"] = operation.action
    if operation.kind is not None:
        rendered["x-kubernetes-group-version-kind"] = operation.kind._asdict()
    return rendered


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(code): {"description": reason(code), "schema": _schema(model)}
        for code, model in operation.responses.items()
    }
    responses["401"] = {"description": "Unauthorized"}
    return responses


def _schema(model: str) -> Schema:
    return {"type": "string"} if model == TEXT else {"$ref": REFERENCE_V2 + model}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    rendered: dict[str, Any] = {
        "description": parameter.description,
        "in": parameter.place,
        "name": parameter.name,
        "type": parameter.type,
        "uniqueItems": True,
    }
    if parameter.place == "path":
        rendered["required"] = True
    return rendered
