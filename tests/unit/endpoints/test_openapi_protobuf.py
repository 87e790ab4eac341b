"""The protobuf form of the OpenAPI document of version 2, by the numbers of gnostic's messages."""

from __future__ import annotations

import struct
from typing import Any

import orjson
import pytest
from google.protobuf.internal.encoder import TagBytes

from apiserver.endpoints.openapi.service import OpenAPIService
from apiserver.endpoints.openapi.v2protobuf import encode
from apiserver.resources.builtin.kinds import builtin_catalog
from apiserver.schema import wire

Fields = list[tuple[int, Any]]


def message(fields: Fields) -> bytes:
    """Return a message: of texts, numbers, truths and messages, by their numbers."""
    return b"".join(field(number, value) for number, value in fields)


def field(number: int, value: Any) -> bytes:
    if isinstance(value, bool):
        return bytes(TagBytes(number, wire.VARINT)) + bytes([value])
    if isinstance(value, int):
        return bytes(TagBytes(number, wire.VARINT)) + bytes([value])
    if isinstance(value, float):
        return bytes(TagBytes(number, wire.FIXED64)) + struct.pack("<d", value)
    content = message(value) if isinstance(value, list) else value.encode()
    return bytes(TagBytes(number, wire.BYTES)) + bytes([len(content)]) + content


def anything(text: str) -> Fields:
    return [(2, f"{text}\n")]


SCHEMAS: list[tuple[dict[str, Any], Fields]] = [
    ({}, []),
    ({"type": "string", "format": "byte"}, [(22, [(1, "string")]), (2, "byte")]),
    ({"$ref": "#/definitions/x", "description": "x"}, [(1, "#/definitions/x"), (4, "x")]),
    ({"type": ["string", "null"]}, [(22, [(1, "string"), (1, "null")])]),
    ({"items": {"type": "integer"}}, [(23, [(1, [(22, [(1, "integer")])])])]),
    ({"additionalProperties": {"title": "t"}}, [(21, [(1, [(3, "t")])])]),
    ({"additionalProperties": False}, [(21, [(2, False)])]),
    ({"additionalProperties": True}, [(21, [(2, True)])]),
    (
        {"properties": {"a": {"title": "t"}, "b": {}}, "required": ["a", "b"]},
        [(25, [(1, [(1, "a"), (2, [(3, "t")])]), (1, [(1, "b"), (2, [])])]), (19, "a"), (19, "b")],
    ),
    ({"minimum": 1.5, "maxItems": 3, "uniqueItems": True}, [(9, 1.5), (14, 3), (16, True)]),
    ({"enum": ["a", 1]}, [(20, anything('"a"')), (20, anything("1"))]),
    ({"default": {"a": 1}}, [(5, anything('{"a":1}'))]),
    (
        {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]},
        [
            (31, [(1, "x-kubernetes-list-type"), (2, anything('"map"'))]),
            (31, [(1, "x-kubernetes-list-map-keys"), (2, anything('["k"]'))]),
        ],
    ),
    ({"allOf": [{"title": "t"}]}, [(24, [(3, "t")])]),
    # There is no field for it.
    ({"nullable": True, "title": "t"}, [(3, "t")]),
]


@pytest.mark.parametrize(("schema", "expected"), SCHEMAS)
def test_a_schema_is_a_message_of_its_members(schema: dict[str, Any], expected: Fields) -> None:
    written = encode({"definitions": {"x": schema}})
    assert written == message([(9, [(1, [(1, "x"), (2, expected)])])])


PARAMETERS: list[tuple[dict[str, Any], Fields]] = [
    (
        {"in": "body", "name": "body", "schema": {"title": "t"}, "required": True},
        [(1, [(1, [(3, "body"), (2, "body"), (5, [(3, "t")]), (4, True)])])],
    ),
    (
        {"in": "query", "name": "q", "type": "string", "uniqueItems": True},
        [(1, [(2, [(3, [(2, "query"), (4, "q"), (6, "string"), (20, True)])])])],
    ),
    (
        {"in": "path", "name": "p", "type": "string", "required": True, "description": "d"},
        [(1, [(2, [(4, [(2, "path"), (4, "p"), (5, "string"), (1, True), (3, "d")])])])],
    ),
]


@pytest.mark.parametrize(("parameter", "expected"), PARAMETERS)
def test_a_parameter_is_wrapped_by_its_place(parameter: dict[str, Any], expected: Fields) -> None:
    written = encode({"paths": {"/": {"parameters": [parameter]}}})
    assert written == message([(8, [(2, [(1, "/"), (2, [(9, expected)])])])])


def test_an_operation_says_what_it_is_about() -> None:
    operation = {
        "operationId": "o",
        "consumes": ["a", "b"],
        "responses": {"200": {"description": "OK", "schema": {"title": "t"}}},
        "x-kubernetes-action": "get",
    }
    expected: Fields = [
        *((5, "o"), (7, "a"), (7, "b")),
        (9, [(1, [(1, "200"), (2, [(1, [(1, "OK"), (2, [(1, [(3, "t")])])])])])]),
        (13, [(1, "x-kubernetes-action"), (2, anything('"get"'))]),
    ]
    written = encode({"paths": {"/": {"patch": operation}}})
    assert written == message([(8, [(2, [(1, "/"), (2, [(8, expected)])])])])


def test_who_may_ask_is_said() -> None:
    key = {"type": "apiKey", "name": "authorization", "in": "header"}
    written = encode({"security": [{"T": []}], "securityDefinitions": {"T": key}})
    expected: Fields = [
        (12, [(1, [(1, "T"), (2, [])])]),
        (13, [(1, [(1, "T"), (2, [(2, [(1, "apiKey"), (2, "authorization"), (3, "header")])])])]),
    ]
    assert written == message(expected)


async def test_the_whole_document_has_every_definition() -> None:
    documents = OpenAPIService(builtin_catalog())
    plain, protobuf = await documents.v2(), await documents.v2_protobuf()
    assert protobuf.etag == plain.etag
    assert await documents.v2_protobuf() is protobuf
    (definitions,) = [
        value
        for number, value in wire.fields(protobuf.plain(), "Document", {9: (wire.BYTES, "")})
        if number == 9
    ]
    assert isinstance(definitions, bytes)
    named = wire.fields(definitions, "Definitions", {1: (wire.BYTES, "")})
    names = []
    for _, each in named:
        assert isinstance(each, bytes)
        ((_, name),) = wire.fields(each, "NamedSchema", {1: (wire.BYTES, "")})
        assert isinstance(name, bytes)
        names.append(name.decode())
    assert names == list(orjson.loads(plain.plain())["definitions"])
