"""Version 3 documents in protobuf form.

https://github.com/google/gnostic-models/blob/main/openapiv3/OpenAPIv3.proto
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

_REFERENCE: Final = "$ref"


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a version 3 document as a gnostic ``openapi.v3.Document``."""
    return members(_DOCUMENT, document)


def _schema(number: int, value: Any) -> bytes:
    return nested(number, members(_SCHEMA, value))


def _schema_or_reference(number: int, value: Any) -> bytes:
    reference = _REFERENCE in value
    return nested(number, _reference(2, value) if reference else _schema(1, value))


def _additional_properties(number: int, value: Any) -> bytes:
    allowed = isinstance(value, bool)
    return nested(number, flag(2, value) if allowed else _schema_or_reference(1, value))


def _default(number: int, value: Any) -> bytes:
    if isinstance(value, bool):
        return nested(number, flag(2, value))
    if isinstance(value, int | float):
        return nested(number, double(1, value))
    # The message has no field for objects and lists: it only says that there is a default.
    return nested(number, text(3, value) if isinstance(value, str) else b"")


_reference = message({_REFERENCE: (1, text), "summary": (2, text), "description": (3, text)})
_EXTERNAL_DOCS: Final[Members] = {"description": (1, text), "url": (2, text)}
_SCHEMA: Final[Members] = {
    "nullable": (1, flag),
    "readOnly": (3, flag),
    "writeOnly": (4, flag),
    "externalDocs": (6, message(_EXTERNAL_DOCS)),
    "example": (7, anything),
    "deprecated": (8, flag),
    "title": (9, text),
    "multipleOf": (10, double),
    "maximum": (11, double),
    "exclusiveMaximum": (12, flag),
    "minimum": (13, double),
    "exclusiveMinimum": (14, flag),
    "maxLength": (15, integer),
    "minLength": (16, integer),
    "pattern": (17, text),
    "maxItems": (18, integer),
    "minItems": (19, integer),
    "uniqueItems": (20, flag),
    "maxProperties": (21, integer),
    "minProperties": (22, integer),
    "required": (23, each(text)),
    "enum": (24, each(anything)),
    "type": (25, text),
    "allOf": (26, each(_schema_or_reference)),
    "oneOf": (27, each(_schema_or_reference)),
    "anyOf": (28, each(_schema_or_reference)),
    "not": (29, _schema),
    "items": (30, listed(_schema_or_reference)),
    "properties": (31, within(1, named(_schema_or_reference))),
    "additionalProperties": (32, _additional_properties),
    "default": (33, _default),
    "description": (34, text),
    "format": (35, text),
    EXTENSION: (36, vendor_extension),
}

_MEDIA_TYPE: Final[Members] = {
    "schema": (1, _schema_or_reference),
    EXTENSION: (5, vendor_extension),
}
_content = within(1, named(message(_MEDIA_TYPE)))

_PARAMETER: Final[Members] = {
    "name": (1, text),
    "in": (2, text),
    "description": (3, text),
    "required": (4, flag),
    "schema": (10, _schema_or_reference),
    "content": (13, _content),
    EXTENSION: (14, vendor_extension),
}
_parameters = each(within(1, message(_PARAMETER)))

_REQUEST_BODY: Final[Members] = {
    "description": (1, text),
    "content": (2, _content),
    "required": (3, flag),
    EXTENSION: (4, vendor_extension),
}
_RESPONSE: Final[Members] = {
    "description": (1, text),
    "content": (3, _content),
    EXTENSION: (5, vendor_extension),
}
_response = within(1, message(_RESPONSE))
_OPERATION: Final[Members] = {
    "tags": (1, each(text)),
    "summary": (2, text),
    "description": (3, text),
    "operationId": (5, text),
    "parameters": (6, _parameters),
    "requestBody": (7, within(1, message(_REQUEST_BODY))),
    "responses": (8, within(2, named(_response))),
    "deprecated": (10, flag),
    EXTENSION: (13, vendor_extension),
}
_operation = message(_OPERATION)
_PATH_ITEM: Final[Members] = {
    "get": (4, _operation),
    "put": (5, _operation),
    "post": (6, _operation),
    "delete": (7, _operation),
    "options": (8, _operation),
    "head": (9, _operation),
    "patch": (10, _operation),
    "parameters": (13, _parameters),
    EXTENSION: (14, vendor_extension),
}
_SECURITY_SCHEME: Final[Members] = {
    "type": (1, text),
    "description": (2, text),
    "name": (3, text),
    "in": (4, text),
}
_COMPONENTS: Final[Members] = {
    "schemas": (1, within(1, named(_schema_or_reference))),
    "securitySchemes": (7, within(1, named(within(1, message(_SECURITY_SCHEME))))),
}
_DOCUMENT: Final[Members] = {
    "openapi": (1, text),
    "info": (2, message({"title": (1, text), "version": (6, text)})),
    "paths": (4, within(1, named(message(_PATH_ITEM)))),
    "components": (5, message(_COMPONENTS)),
}
