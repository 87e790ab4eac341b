"""Version 3 documents: one for each group version, with bodies per media type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from apiserver.endpoints.openapi.definitions import REFERENCE_V3, Schema
from apiserver.endpoints.openapi.operations import TEXT, Operation, Parameter, Path, reason

_SECURITY = {
    "BearerToken": {
        "type": "apiKey",
        "description": "Bearer Token authentication",
        "name": "authorization",
        "in": "header",
    }
}


#: The title and the version of a document.
BUILT_IN: Final = {"title": "Kubernetes", "version": "unversioned"}
CUSTOM: Final = {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"}


def document(
    paths: Iterable[Path], schemas: Mapping[str, Schema], info: Mapping[str, str] = BUILT_IN
) -> dict[str, Any]:
    """Return a document of these paths and schemas."""
    return {
        "openapi": "3.0.0",
        "info": info,
        "paths": {path.path: _path(path) for path in paths},
        "components": {"schemas": schemas, "securitySchemes": _SECURITY},
    }


def _path(path: Path) -> dict[str, Any]:
    item: dict[str, Any] = {each.method: _operation(path.tag, each) for each in path.operations}
    if path.parameters:
        item["parameters"] = _parameters(path.parameters)
    return item


def _operation(tag: str, operation: Operation) -> dict[str, Any]:
    rendered: dict[str, Any] = {
        "tags": [tag],
        "description": operation.description,
        "operationId": operation.name,
        "responses": _responses(operation),
    }
    if operation.parameters:
        rendered["parameters"] = _parameters(operation.parameters)
    if operation.body:
        rendered["requestBody"] = {"content": _content(operation.body, operation.consumes)}
        if operation.body_required:
            rendered["requestBody"]["required"] = True
    if operation.action:
        rendered["x-kubernetes-action"] = operation.action
    if operation.kind is not None:
        rendered["x-kubernetes-group-version-kind"] = operation.kind._asdict()
    return rendered


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(code): {"description": reason(code), "content": _content(model, operation.produces)}
        for code, model in operation.responses.items()
    }
    responses["401"] = {"description": "Unauthorized"}
    return responses


def _content(model: str, media_types: Sequence[str]) -> dict[str, Any]:
    schema = {"type": "string"} if model == TEXT else {"$ref": REFERENCE_V3 + model}
    return {media_type: {"schema": schema} for media_type in media_types}


def _parameters(parameters: Iterable[Parameter]) -> list[dict[str, Any]]:
    return [_parameter(each) for each in parameters]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    rendered: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "schema": {"type": parameter.type, "uniqueItems": True},
    }
    if parameter.place == "path":
        rendered["required"] = True
    return rendered
