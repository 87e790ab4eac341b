"""The protobuf form of OpenAPI documents of version 3, read back by gnostic's field numbers."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from apiserver.endpoints.openapi.service import OpenAPIService
from apiserver.endpoints.openapi.v3protobuf import encode
from apiserver.resources.builtin.kinds import builtin_catalog

#: Fields by number, as in OpenAPIv3.proto: the member and its type. ``[T]`` is repeated, ``{T}`` a
#: message that repeats named values, ``|`` a message with one of its fields, ``<T>`` one that
#: repeats a value of which the document has one.
MESSAGES: dict[str, dict[int, tuple[str, str]]] = {
    "Document": {
        1: ("openapi", "string"),
        2: ("info", "Info"),
        4: ("paths", "{PathItem}"),
        5: ("components", "Components"),
    },
    "Info": {1: ("title", "string"), 6: ("version", "string")},
    "Components": {
        1: ("schemas", "{|SchemaOrReference}"),
        7: ("securitySchemes", "{|SecuritySchemeOrReference}"),
    },
    "SecuritySchemeOrReference": {1: ("", "SecurityScheme")},
    "SecurityScheme": {
        1: ("type", "string"),
        2: ("description", "string"),
        3: ("name", "string"),
        4: ("in", "string"),
    },
    "PathItem": {
        **{
            number: (method, "Operation")
            for number, method in enumerate(
                ["get", "put", "post", "delete", "options", "head", "patch"], start=4
            )
        },
        13: ("parameters", "[|ParameterOrReference]"),
    },
    "Operation": {
        1: ("tags", "[string]"),
        3: ("description", "string"),
        5: ("operationId", "string"),
        6: ("parameters", "[|ParameterOrReference]"),
        7: ("requestBody", "|RequestBodyOrReference"),
        8: ("responses", "Responses"),
        13: ("x-", "extension"),
    },
    "ParameterOrReference": {1: ("", "Parameter")},
    "Parameter": {
        1: ("name", "string"),
        2: ("in", "string"),
        3: ("description", "string"),
        4: ("required", "bool"),
        10: ("schema", "|SchemaOrReference"),
    },
    "RequestBodyOrReference": {1: ("", "RequestBody")},
    "RequestBody": {2: ("content", "{MediaType}"), 3: ("required", "bool")},
    "MediaType": {1: ("schema", "|SchemaOrReference")},
    "Responses": {2: ("*", "|ResponseOrReference")},
    "ResponseOrReference": {1: ("", "Response")},
    "Response": {1: ("description", "string"), 3: ("content", "{MediaType}")},
    "SchemaOrReference": {1: ("", "Schema"), 2: ("", "Reference")},
    "Reference": {1: ("$ref", "string")},
    "AdditionalPropertiesItem": {1: ("", "|SchemaOrReference"), 2: ("", "bool")},
    "DefaultType": {1: ("", "double"), 2: ("", "bool"), 3: ("", "string")},
    "Schema": {
        1: ("nullable", "bool"),
        9: ("title", "string"),
        10: ("multipleOf", "double"),
        11: ("maximum", "double"),
        12: ("exclusiveMaximum", "bool"),
        13: ("minimum", "double"),
        14: ("exclusiveMinimum", "bool"),
        15: ("maxLength", "int64"),
        16: ("minLength", "int64"),
        17: ("pattern", "string"),
        18: ("maxItems", "int64"),
        19: ("minItems", "int64"),
        20: ("uniqueItems", "bool"),
        21: ("maxProperties", "int64"),
        22: ("minProperties", "int64"),
        23: ("required", "[string]"),
        24: ("enum", "[any]"),
        25: ("type", "string"),
        26: ("allOf", "[|SchemaOrReference]"),
        27: ("oneOf", "[|SchemaOrReference]"),
        28: ("anyOf", "[|SchemaOrReference]"),
        29: ("not", "Schema"),
        30: ("items", "<|SchemaOrReference>"),
        31: ("properties", "{|SchemaOrReference}"),
        32: ("additionalProperties", "|AdditionalPropertiesItem"),
        33: ("default", "|DefaultType"),
        34: ("description", "string"),
        35: ("format", "string"),
        36: ("x-", "extension"),
    },
}


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a message: numbers, and the content of the others."""
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = 8 if key & 7 == 1 else varint()
        yield key >> 3, data[position : position + size]
        position += size


def value(kind: str, content: Any) -> Any:
    """Return the value of a field of this type."""
    if kind == "string":
        return content.decode()
    if kind in ("int64", "bool"):
        return bool(content) if kind == "bool" else content
    if kind == "double":
        return struct.unpack("<d", content)[0]
    if kind == "any":
        ((_, text),) = fields(content)
        return json.loads(text)
    if kind[0] == "{":
        return dict(pair(kind[1:-1], each) for _, each in fields(content))
    if kind[0] == "<":
        ((_, only),) = fields(content)
        return value(kind[1:-1], only)
    if kind[0] == "|":
        return union(MESSAGES[kind[1:]], content)
    return record(MESSAGES[kind], content)


def union(alternatives: dict[int, tuple[str, str]], content: bytes) -> Any:
    for number, inner in fields(content):
        return value(alternatives[number][1], inner)
    return {}


def pair(kind: str, content: bytes) -> tuple[str, Any]:
    (_, name), (_, inner) = fields(content)
    return name.decode(), value(kind, inner)


def record(members: dict[int, tuple[str, str]], content: bytes) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for number, inner in fields(content):
        member, kind = members[number]
        if kind == "extension":
            read.update([pair("any", inner)])
        elif member == "*":
            read.update([pair(kind, inner)])
        elif kind[0] == "[":
            read.setdefault(member, []).append(value(kind[1:-1], inner))
        else:
            read[member] = value(kind, inner)
    return read


SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "string", "format": "byte", "nullable": True, "pattern": "^é*$"},
    {"$ref": "#/components/schemas/x"},
    {"allOf": [{"$ref": "#/components/schemas/x"}], "default": {}},
    {"type": "array", "items": {"$ref": "#/components/schemas/x"}, "minItems": 1},
    {"additionalProperties": {"type": "integer", "default": 0}},
    {"additionalProperties": False},
    {"additionalProperties": True},
    {"properties": {"default": {"default": ""}, "x-a": {"default": False}}, "required": ["a", "b"]},
    {"minimum": -1.5, "maximum": 3, "exclusiveMaximum": True, "maxLength": 3, "multipleOf": 2},
    {"oneOf": [{"type": "string"}], "anyOf": [{}], "not": {"enum": ["a", 1, None, {"b": []}]}},
    {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]},
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_schema_can_be_read_back(schema: dict[str, Any]) -> None:
    document = {"components": {"schemas": {"y": schema}}}
    assert value("Document", encode(document)) == document


def test_a_default_that_has_no_field_is_empty() -> None:
    document = {"components": {"schemas": {"y": {"default": {"a": 1}}}}}
    read = value("Document", encode(document))
    assert read == {"components": {"schemas": {"y": {"default": {}}}}}


async def test_every_document_can_be_read_back() -> None:
    service = OpenAPIService(builtin_catalog())
    index = json.loads((await service.v3_index()).plain())
    for name in index["paths"]:
        plain, protobuf = await service.v3(name), await service.v3_protobuf(name)
        assert plain is not None
        assert protobuf is not None
        assert (protobuf.etag, protobuf.modified) == (plain.etag, plain.modified)
        assert value("Document", protobuf.plain()) == json.loads(plain.plain()), name
        assert await service.v3_protobuf(name) is protobuf
    assert await service.v3_protobuf("apis/nowhere/v1") is None
