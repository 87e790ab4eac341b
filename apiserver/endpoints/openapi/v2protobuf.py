"""The version 2 document in protobuf form, as kubectl reads it.

https://github.com/google/gnostic-models/blob/main/openapiv2/OpenAPIv2.proto
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.endpoints.openapi.gnostic import (
    EXTENSION,
    Members,
    anything,
    double,
    each,
    flag,
    integer,
    listed,
    members,
    message,
    named,
    nested,
    text,
    vendor_extension,
    within,
)


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a version 2 document as a gnostic ``openapi.v2.Document``."""
    return members(_DOCUMENT, document)


def _schema(number: int, value: Any) -> bytes:
    return nested(number, members(_SCHEMA, value))


def _additional_properties(number: int, value: Any) -> bytes:
    allowed = isinstance(value, bool)
    return nested(number, flag(2, value) if allowed else _schema(1, value))


_SCHEMA: Final[Members] = {
    "$ref": (1, text),
    "format": (2, text),
    "title": (3, text),
    "description": (4, text),
    "default": (5, anything),
    "multipleOf": (6, double),
    "maximum": (7, double),
    "exclusiveMaximum": (8, flag),
    "minimum": (9, double),
    "exclusiveMinimum": (10, flag),
    "maxLength": (11, integer),
    "minLength": (12, integer),
    "pattern": (13, text),
    "maxItems": (14, integer),
    "minItems": (15, integer),
    "uniqueItems": (16, flag),
    "maxProperties": (17, integer),
    "minProperties": (18, integer),
    "required": (19, each(text)),
    "enum": (20, each(anything)),
    "additionalProperties": (21, _additional_properties),
    "type": (22, listed(text)),
    "items": (23, listed(_schema)),
    "allOf": (24, each(_schema)),
    "properties": (25, within(1, named(_schema))),
    "externalDocs": (29, message({"description": (1, text), "url": (2, text)})),
    "example": (30, anything),
    EXTENSION: (31, vendor_extension),
}

_BODY: Final[Members] = {
    "description": (1, text),
    "name": (2, text),
    "in": (3, text),
    "required": (4, flag),
    "schema": (5, _schema),
}
_IN_PATH: Final[Members] = {
    "required": (1, flag),
    "in": (2, text),
    "description": (3, text),
    "name": (4, text),
    "type": (5, text),
    "uniqueItems": (19, flag),
}
_IN_QUERY: Final[Members] = {**_IN_PATH, "type": (6, text), "uniqueItems": (20, flag)}
#: The field that wraps a parameter, by its ``in`` value.
_PARAMETERS: Final = {
    "body": within(1, within(1, message(_BODY))),
    "query": within(1, within(2, within(3, message(_IN_QUERY)))),
    "path": within(1, within(2, within(4, message(_IN_PATH)))),
}


def _parameter(number: int, value: Mapping[str, Any]) -> bytes:
    return _PARAMETERS[value["in"]](number, value)


_RESPONSE: Final[Members] = {"description": (1, text), "schema": (2, within(1, _schema))}
_OPERATION: Final[Members] = {
    "tags": (1, each(text)),
    "description": (3, text),
    "operationId": (5, text),
    "produces": (6, each(text)),
    "consumes": (7, each(text)),
    "parameters": (8, each(_parameter)),
    "responses": (9, within(1, named(within(1, message(_RESPONSE))))),
    "schemes": (10, each(text)),
    EXTENSION: (13, vendor_extension),
}
_PATH_ITEM: Final[Members] = {
    "get": (2, message(_OPERATION)),
    "put": (3, message(_OPERATION)),
    "post": (4, message(_OPERATION)),
    "delete": (5, message(_OPERATION)),
    "options": (6, message(_OPERATION)),
    "head": (7, message(_OPERATION)),
    "patch": (8, message(_OPERATION)),
    "parameters": (9, each(_parameter)),
    EXTENSION: (10, vendor_extension),
}
_API_KEY: Final[Members] = {
    "type": (1, text),
    "name": (2, text),
    "in": (3, text),
    "description": (4, text),
}
_DOCUMENT: Final[Members] = {
    "swagger": (1, text),
    "info": (2, message({"title": (1, text), "version": (2, text)})),
    "paths": (8, within(2, named(message(_PATH_ITEM)))),
    "definitions": (9, within(1, named(_schema))),
    "security": (12, each(within(1, named(listed(text))))),
    "securityDefinitions": (13, within(1, named(within(2, message(_API_KEY))))),
}
