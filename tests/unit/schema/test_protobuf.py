"""Protobuf messages as documents. The encoder here is the other half, written from the tables."""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from apiserver.machinery.documentlimits import MAX_DEPTH
from apiserver.machinery.documents import dump_json
from apiserver.schema.jsondecoder import decode_json
from apiserver.schema.protobuf import MAGIC, Envelope, decode_envelope, decode_message
from apiserver.schema.structtypes import Field, StructType, struct_of_kind, struct_type
from apiserver.schema.wire import ProtobufError

VARINTS = ("bool", "int32", "int64")


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def block(field: int, payload: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def encode(message: StructType, document: dict[str, Any]) -> bytes:
    parts = []
    for field in message.fields:
        if field.embedded:
            parts.append(block(field.number, encode(struct_type(field.type), document)))
            continue
        value = document.get(field.name)
        if value is None:
            continue
        if field.is_map:
            inner = Field(2, "value", field.value_type, "", False, False, False, False)
            for key, member in value.items():
                entry = block(1, key.encode()) + encode_field(inner, member)
                parts.append(block(field.number, entry))
        elif field.repeated:
            parts += [encode_field(field, item) for item in value]
        else:
            parts.append(encode_field(field, value))
    return b"".join(parts)


def encode_field(field: Field, value: Any) -> bytes:
    if field.type in VARINTS:
        return varint(field.number << 3) + varint(int(value))
    if field.type == "double":
        return varint(field.number << 3 | 1) + struct.pack("<d", value)
    return block(field.number, encode_value(field.type, value))


def encode_value(type_: str, value: Any) -> bytes:
    if type_ in LEAVES:
        return LEAVES[type_](value)
    if type_.endswith((".ExtraValue", ".Verbs")):
        return b"".join(block(1, item.encode()) for item in value)
    return encode(struct_type(type_), value)


def int_or_string(value: int | str) -> bytes:
    if isinstance(value, int):
        return varint(1 << 3) + varint(0) + varint(2 << 3) + varint(value)
    return varint(1 << 3) + varint(1) + block(3, value.encode())


def moment(value: str) -> bytes:
    time = datetime.fromisoformat(value).astimezone(UTC)
    seconds = varint(1 << 3) + varint(int(time.replace(microsecond=0).timestamp()))
    return seconds + varint(2 << 3) + varint(time.microsecond * 1000)


def raw(value: Any) -> bytes:
    return block(1, orjson.dumps(value))


def schema_or_schemas(value: Any) -> bytes:
    if isinstance(value, list):
        return b"".join(block(2, encode(SCHEMA, schema)) for schema in value)
    return block(1, encode(SCHEMA, value))


def schema_or_bool(value: Any) -> bytes:
    if isinstance(value, bool):
        return varint(1 << 3) + varint(value)
    return varint(1 << 3) + varint(1) + block(2, encode(SCHEMA, value))


LEAVES: dict[str, Callable[[Any], bytes]] = {
    "string": str.encode,
    "bytes": b64decode,
    "resource.Quantity": lambda value: block(1, value.encode()),
    "intstr.IntOrString": int_or_string,
    "meta.v1.Time": moment,
    "meta.v1.MicroTime": moment,
    "runtime.RawExtension": raw,
    "meta.v1.FieldsV1": raw,
    "apiextensions.v1.JSON": raw,
    "apiextensions.v1.JSONSchemaPropsOrArray": schema_or_schemas,
    "apiextensions.v1.JSONSchemaPropsOrBool": schema_or_bool,
    "apiextensions.v1.JSONSchemaPropsOrStringArray": lambda value: b"".join(
        block(2, item.encode()) for item in value
    ),
}
SCHEMA = struct_type("apiextensions.v1.JSONSchemaProps")


def type_of(kind: str) -> StructType:
    found = struct_of_kind(*kind.rsplit("/", 1))
    assert found is not None
    return found


DOCUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("v1/ConfigMap", {}),
    ("v1/ConfigMap", {"data": {"a": "", "b": "é"}, "immutable": False}),
    ("v1/ConfigMap", {"binaryData": {"c": "AAEC"}, "immutable": True}),
    ("v1/Secret", {"data": {"a": "/wBh"}, "type": "Opaque", "stringData": {"s": "x"}}),
    (
        "v1/Pod",
        {
            "metadata": {
                "name": "p",
                "labels": {"a": "b", "e": ""},
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "K", "name": "n", "uid": "u", "controller": True}
                ],
                "managedFields": [
                    {"manager": "m", "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {".": {}}}}
                ],
            },
            "spec": {
                "hostNetwork": False,
                "terminationGracePeriodSeconds": 0,
                "activeDeadlineSeconds": -1,
                "nodeSelector": {"disk": "ssd"},
                "volumes": [
                    {"name": "a", "emptyDir": {"sizeLimit": "1Gi"}},
                    {"name": "b", "configMap": {"name": "c", "items": [], "optional": True}},
                    {"name": "d", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
                ],
                "containers": [
                    {
                        "name": "c",
                        "args": ["a", ""],
                        "ports": [{"containerPort": 80, "protocol": "UDP"}],
                        "resources": {"limits": {"cpu": "1500m", "memory": "1024Mi"}},
                        "livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 5},
                        "readinessProbe": {"tcpSocket": {"port": 8080}, "timeoutSeconds": 0},
                    }
                ],
                "securityContext": {"supplementalGroups": [1, 2, 1 << 40]},
            },
            "status": {"conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None}]},
        },
    ),
    ("v1/Service", {"spec": {"ports": [{"port": 80, "targetPort": "http"}, {"port": 81}]}}),
    ("rbac.authorization.k8s.io/v1/Role", {"rules": None}),
    ("rbac.authorization.k8s.io/v1/Role", {"rules": [{"verbs": ["get"]}, {"verbs": None}]}),
    (
        "coordination.k8s.io/v1/Lease",
        {"spec": {"renewTime": "1969-12-31T23:59:59.500000Z", "leaseTransitions": 0}},
    ),
    ("apps/v1/ControllerRevision", {"data": {"a": [1, None, {"b": 1.5}]}, "revision": 3}),
    (
        "authorization.k8s.io/v1/SubjectAccessReview",
        {"spec": {"user": "u", "extra": {"a": ["b", "c"], "d": []}, "nonResourceAttributes": {}}},
    ),
    (
        "apiextensions.k8s.io/v1/CustomResourceDefinition",
        {
            "spec": {
                "versions": [
                    {
                        "name": "v1",
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "default": {"a": [1]},
                                "enum": [1, None, "x"],
                                "multipleOf": 0.25,
                                "maximum": 3,
                                "additionalProperties": {"type": "string"},
                                "items": [{"type": "string"}, {"items": {"type": "integer"}}],
                                "dependencies": {"a": ["b"]},
                                "properties": {"b": {"additionalProperties": False}},
                            }
                        },
                    }
                ]
            }
        },
    ),
    ("v1/List", {"items": [{"kind": "Pod"}, {"any": "thing"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "document"), DOCUMENTS)
def test_a_message_is_what_the_json_of_the_same_object_is(
    kind: str, document: dict[str, Any]
) -> None:
    canonical = decode_json(type_of(kind), document).object
    found = decode_message(type_of(kind), encode(type_of(kind), document))
    assert sorted_text(found) == sorted_text(canonical)
    # Nor does it matter whether empty fields are on the wire.
    assert sorted_text(decode_message(type_of(kind), encode(type_of(kind), canonical))) == (
        sorted_text(canonical)
    )


def sorted_text(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def test_of_two_values_the_last_counts() -> None:
    config_map = type_of("v1/ConfigMap")
    first, last = {"metadata": {"name": "a"}}, {"metadata": {"name": ""}}
    entries = {"data": {"k": "1"}}, {"data": {"k": "2"}}
    data = b"".join(encode(config_map, each) for each in (first, last, *entries))
    assert decode_message(config_map, data) == {"metadata": {}, "data": {"k": "2"}}


def test_two_messages_are_one() -> None:
    config_map = type_of("v1/ConfigMap")
    parts = [{"name": "a", "labels": {"x": "y"}}, {"name": "b", "annotations": {"n": "m"}}]
    data = b"".join(encode(config_map, {"metadata": part}) for part in parts)
    assert decode_message(config_map, data)["metadata"] == {
        "name": "b",
        "labels": {"x": "y"},
        "annotations": {"n": "m"},
    }


def test_numbers_come_one_by_one_or_packed() -> None:
    context = struct_type("core.v1.PodSecurityContext")
    groups = number(context, "supplementalGroups")
    single = varint(groups << 3) + varint(1)
    packed = block(groups, varint(2) + varint(-1))
    assert decode_message(context, single + packed + single) == {
        "supplementalGroups": [1, 2, -1, 1]
    }


def test_what_is_unknown_is_skipped() -> None:
    config_map = type_of("v1/ConfigMap")
    group = varint(99 << 3 | 3) + block(1, b"\x00\x80") + varint(98 << 3 | 3)
    group += varint(98 << 3 | 4) + varint(99 << 3 | 4)
    unknown = (
        varint(50 << 3) + varint(1 << 63),
        varint(51 << 3 | 1) + bytes(8),
        block(52, b"\x00" * 200),
        varint(53 << 3 | 5) + bytes(4),
        group,
    )
    known = encode(config_map, {"data": {"k": "v"}})
    for skipped in unknown:
        found = decode_message(config_map, skipped + known + skipped)
        assert found == {"metadata": {}, "data": {"k": "v"}}


def test_texts_need_not_be_texts() -> None:
    entry = block(1, b"k") + block(2, b"a\xff\xc3b")
    found = decode_message(type_of("v1/ConfigMap"), block(2, entry))
    assert found["data"] == {"k": "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\x0a\x05abc", "unexpected EOF"),
        (b"\x0a", "unexpected EOF"),
        (b"\x80", "unexpected EOF"),
        (b"\x08\x01", "proto: wrong wireType = 0 for field ObjectMeta"),
        (b"\x22\x00", "proto: wrong wireType = 2 for field Immutable"),
        (b"\x02\x00", "proto: ConfigMap: illegal tag 0 (wire type 2)"),
        (b"\x9c\x06", "proto: ConfigMap: wiretype end group for non-group"),
        (b"\x96\x06", "proto: illegal wireType 6"),
        (b"\x0a" + b"\xff" * 9 + b"\x01", "proto: negative length found during unmarshaling"),
        (b"\x20" + b"\x80" * 10 + b"\x01", "proto: integer overflow"),
        (b"\x9b\x06\x0a\x01", "unexpected EOF"),
        (b"\x12\x02\x0a\x05", "unexpected EOF"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ProtobufError) as error:
        decode_message(type_of("v1/ConfigMap"), data)
    assert str(error.value) == complaint


def test_values_that_json_does_not_have_are_refused() -> None:
    tag = number(SCHEMA, "multipleOf") << 3 | 1
    for value, name in ((float("nan"), "NaN"), (float("inf"), "+Inf"), (float("-inf"), "-Inf")):
        with pytest.raises(ProtobufError, match="unsupported value") as error:
            decode_message(SCHEMA, varint(tag) + struct.pack("<d", value))
        assert str(error.value) == f"json: unsupported value: {name}"
    with pytest.raises(ProtobufError, match=r"impossible IntOrString.Type 2"):
        decode_message(struct_type("core.v1.HTTPGetAction"), block(2, varint(1 << 3) + varint(2)))
    with pytest.raises(ProtobufError, match="beginning of value"):
        decode_message(type_of("apps/v1/ControllerRevision"), block(2, block(1, b"?")))
    with pytest.raises(ProtobufError, match="quantities must match"):
        decode_message(struct_type("core.v1.EmptyDirVolumeSource"), block(2, block(1, b" 1Gi")))


def number(message: StructType, name: str) -> int:
    return next(field.number for field in message.fields if field.name == name)


# What holds a schema in a schema, and how many levels of JSON that makes.
HOLDERS = {
    "not": (1, lambda inner: block(number(SCHEMA, "not"), inner)),
    "items": (1, lambda inner: block(number(SCHEMA, "items"), block(1, inner))),
    "allOf": (2, lambda inner: block(number(SCHEMA, "allOf"), inner)),
    "oneOf": (2, lambda inner: block(number(SCHEMA, "oneOf"), inner)),
    "properties": (
        2,
        lambda inner: block(number(SCHEMA, "properties"), block(1, b"p") + block(2, inner)),
    ),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_can_be_read_can_be_written(holder: str) -> None:
    """However deep messages stand in one another, what comes out is refused or can be written."""
    levels, wrap = HOLDERS[holder]
    data = encode(SCHEMA, {"type": "string"})
    for depth in range(1 + levels, MAX_DEPTH + 3, levels):
        data = wrap(data)
        if depth <= MAX_DEPTH:
            assert dump_json({"items": [{"object": decode_message(SCHEMA, data)}]})
        else:
            with pytest.raises(ProtobufError, match="exceeded max depth"):
                decode_message(SCHEMA, data)


def test_raw_documents_count_where_they_stand() -> None:
    nested = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    revision = type_of("apps/v1/ControllerRevision")
    data = number(revision, "data")
    assert dump_json({"items": [decode_message(revision, block(data, block(1, nested)))]})
    with pytest.raises(ProtobufError, match="exceeded max depth"):
        decode_message(revision, block(data, block(1, b"[" + nested + b"]")))


def test_an_envelope_says_what_is_inside() -> None:
    identity = block(1, block(1, b"apps/v1") + block(2, b"Deployment"))
    data = MAGIC + identity + block(2, b"raw") + block(3, b"gzip") + block(4, b"") + block(9, b"?")
    assert decode_envelope(data) == Envelope("apps/v1", "Deployment", b"raw")
    assert decode_envelope(MAGIC + block(2, b"")) == Envelope("", "", b"")
    odd = MAGIC + block(1, block(1, b"a/b/c") + block(2, b"Pod"))
    assert decode_envelope(odd) == Envelope("", "Pod", b"")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty data"),
        (MAGIC, "empty body"),
        (
            b"{}",
            "provided data does not appear to be a protobuf message, "
            "expected prefix [107 56 115 0]",
        ),
        (MAGIC + b"\x0a\x7f", "unexpected EOF"),
        (MAGIC + b"\x08\x00", "proto: wrong wireType = 0 for field TypeMeta"),
        (MAGIC + b"\x00\x00", "proto: Unknown: illegal tag 0 (wire type 0)"),
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ProtobufError) as error:
        decode_envelope(data)
    assert str(error.value) == complaint
