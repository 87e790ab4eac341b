"""Documents are read and written as JSON, YAML and protobuf."""

from __future__ import annotations

import pytest

from apiserver.testing.conformance.conformance_client import JSON, PROTOBUF, YAML, Api
from apiserver.testing.conformance.sample_objects import config_map

MAGIC = b"k8s\x00"


def test_yaml_is_read_and_written(api: Api, configmaps: str) -> None:
    document = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n"
    answer = api.send("POST", configmaps, document, YAML, accept=YAML)
    assert answer.status == 201
    assert answer.headers["Content-Type"] == YAML
    assert b"\n  k: v\n" in answer.body


def test_protobuf_is_read(api: Api, configmaps: str) -> None:
    type_meta = field(1, b"v1") + field(2, b"ConfigMap")
    data = field(1, b"k") + field(2, b"v")
    document = field(1, field(1, b"a")) + field(2, data)
    body = MAGIC + field(1, type_meta) + field(2, document)
    answer = api.send("POST", configmaps, body, PROTOBUF)
    assert (answer.status, answer.json["data"]) == (201, {"k": "v"})


def field(number: int, content: bytes) -> bytes:
    """Return a field of a protobuf message: a text or a message of less than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


def test_protobuf_is_written(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("a", k="v"))
    path = f"{configmaps}/a"
    answer = api.get(path, accept=PROTOBUF)
    if answer.headers["Content-Type"] == JSON:
        pytest.skip("the server writes no protobuf; clients take JSON, too")
    assert answer.headers["Content-Type"] == PROTOBUF
    assert answer.body.startswith(MAGIC)
    assert api.send("PUT", path, answer.body, PROTOBUF).json["data"] == {"k": "v"}


def test_the_first_acceptable_type_is_taken(api: Api, configmaps: str) -> None:
    answer = api.get(configmaps, accept=f"image/png, {YAML};q=0.5, application/json;q=0.1")
    assert answer.headers["Content-Type"] == YAML


def test_other_types_are_refused(api: Api, configmaps: str) -> None:
    assert api.get(configmaps, accept="image/png").status == 406
    assert api.send("POST", configmaps, b"\x89PNG", "image/png").status == 415


def test_what_is_no_document_is_refused(api: Api, configmaps: str) -> None:
    assert api.send("POST", configmaps, b"{").status == 400
    answer = api.send("POST", configmaps, {"kind": "Nothing", "apiVersion": "v1"})
    assert answer.status == 400
