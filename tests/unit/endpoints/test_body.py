"""Bodies as objects and as DeleteOptions, and the refusals of what they are not."""

from __future__ import annotations

import pytest

from apiserver.endpoints.body import decode_object, strict_decoding_error
from apiserver.endpoints.delete_options import decode_delete_options
from apiserver.endpoints.negotiation import JSON, PROTOBUF, YAML
from apiserver.machinery.errors import BadRequest, Invalid
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.builtin.kinds import builtin_types

CONFIG_MAP = builtin_types(GroupVersionKind("", "v1", "ConfigMap"))
DEPLOYMENT = builtin_types(GroupVersionKind("apps", "v1", "Deployment"))
UNRECOGNISED = "the object provided is unrecognized (must be of type ConfigMap): "
# apiVersion v1, kind ConfigMap, metadata.name a, data.k v
MESSAGE = b"k8s\x00\n\x0f\n\x02v1\x12\tConfigMap\x12\r\n\x03\n\x01a\x12\x06\n\x01k\x12\x01v"


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        (JSON, b'{"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}'),
        (YAML, b"apiVersion: v1\nmetadata: {name: a}\ndata:\n  k: v\n---\nkind: Secret\n"),
        (PROTOBUF, MESSAGE),
    ],
)
def test_a_body_is_an_object_in_any_of_three_forms(media_type: str, data: bytes) -> None:
    decoded = decode_object(data, media_type, CONFIG_MAP)
    assert decoded.document == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "a"},
        "data": {"k": "v"},
    }
    assert decoded.problems == []


@pytest.mark.parametrize(
    ("media_type", "data", "complaint"),
    [
        (
            JSON,
            b"",
            UNRECOGNISED
            + "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)",
        ),
        (
            JSON,
            b'{"data": {"k": "a long enough text"},}',
            UNRECOGNISED + "couldn't get version/kind; json parse error: invalid character '}' "
            'looking for beginning of object key string ({"data": {"k": "a long enough  ...)',
        ),
        (
            JSON,
            b"data: x",
            UNRECOGNISED + "couldn't get version/kind; json parse error: invalid character 'd' "
            "looking for beginning of value (646174613a2078)",
        ),
        (
            YAML,
            b"a: b\n\tc: d\n",
            UNRECOGNISED + "yaml: line 2: found a tab character that violates indentation "
            "(613a20620a09633a20640a)",
        ),
        (
            PROTOBUF,
            b"{}",
            UNRECOGNISED + "provided data does not appear to be a protobuf message, "
            "expected prefix [107 56 115 0] ({})",
        ),
        (PROTOBUF, b"", UNRECOGNISED + "empty data (<empty>)"),
        (
            PROTOBUF,
            MESSAGE[:-1],
            UNRECOGNISED + f"unexpected EOF ({MESSAGE[:30].hex()} ...)",
        ),
        (
            PROTOBUF,
            MESSAGE[:21] + b"\x12\x02\n\x05",
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: unexpected EOF',
        ),
        (
            JSON,
            b'{"apiVersion": "v1", "kind": "Secret"}',
            'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to '
            "(core.ConfigMap): unknown conversion",
        ),
        (
            JSON,
            b'{"immutable": 1}',
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal '
            "number into Go struct field ConfigMap.immutable of type bool",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(media_type: str, data: bytes, complaint: str) -> None:
    with pytest.raises(BadRequest) as error:
        decode_object(data, media_type, CONFIG_MAP)
    assert error.value.message == complaint


@pytest.mark.parametrize("api_version", ["extensions/v1beta1", "apps/v1beta2"])
def test_another_version_than_the_endpoint_is_refused(api_version: str) -> None:
    data = f'{{"apiVersion": "{api_version}", "kind": "Deployment"}}'.encode()
    with pytest.raises(BadRequest) as error:
        decode_object(data, JSON, DEPLOYMENT)
    assert error.value.message == (
        f"the API version in the data ({api_version}) does not match the expected API version "
        "(apps/v1)"
    )


def test_an_endpoint_may_accept_another_version_of_its_kind() -> None:
    eviction = builtin_types(GroupVersionKind("policy", "v1", "Eviction"))
    data = b'{"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": "a"}}'
    decoded = decode_object(data, JSON, eviction, ("policy/v1beta1",))
    assert decoded.document["apiVersion"] == "policy/v1"
    assert strict_decoding_error(decoded, eviction.kind).message.startswith(
        'Eviction in version "v1beta1" cannot be handled as a Eviction: strict decoding error'
    )
    with pytest.raises(BadRequest):
        decode_object(data, JSON, eviction)


def test_members_that_are_unknown_or_named_twice_are_told_and_may_be_refused() -> None:
    data = b'{"spec": {"replicas": 1, "replicas": 2, "template": {"spec": {"x": 1}}}, "y": {}}'
    decoded = decode_object(data, JSON, DEPLOYMENT)
    assert decoded.document["spec"]["replicas"] == 2
    assert decoded.problems == [
        'duplicate field "spec.replicas"',
        'unknown field "spec.template.spec.x"',
        'unknown field "y"',
    ]
    assert strict_decoding_error(decoded, DEPLOYMENT.kind).message == (
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: '
        'duplicate field "spec.replicas", unknown field "spec.template.spec.x", unknown field "y"'
    )


def test_keys_that_yaml_sets_twice_are_told_by_line() -> None:
    decoded = decode_object(b"data: {a: x, a: z}\nextra: 1\n", YAML, CONFIG_MAP)
    assert decoded.problems == [
        'yaml: unmarshal errors:\n  line 1: key "a" already set in map',
        'unknown field "extra"',
    ]


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        (JSON, b'{"gracePeriodSeconds": 5, "preconditions": {"uid": "u"}, "unknown": 1}'),
        (YAML, b"apiVersion: apps/v1\nkind: DeleteOptions\ngracePeriodSeconds: 5\n"
               b"preconditions: {uid: u}\n"),
        (PROTOBUF, b"k8s\x00\n\x00\x12\x07\x08\x05\x12\x03\n\x01u"),
    ],
)  # fmt: skip
def test_the_body_of_a_delete_is_delete_options(media_type: str, data: bytes) -> None:
    options, _ = decode_delete_options(data, media_type)
    assert (options.grace_period_seconds, options.uid) == (5, "u")


@pytest.mark.parametrize(
    ("media_type", "data", "complaint"),
    [
        (
            JSON,
            b"{not json",
            "couldn't get version/kind; json parse error: invalid character 'n' looking for "
            "beginning of object key string",
        ),
        (
            JSON,
            b'{"kind": "ConfigMap"}',
            'no kind "ConfigMap" is registered for version "v1" in scheme '
            '"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"',
        ),
        (
            JSON,
            b'{"gracePeriodSeconds": "soon"}',
            "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds "
            "of type int64",
        ),
        (PROTOBUF, b"k8s", "provided data does not appear to be a protobuf message, "
                           "expected prefix [107 56 115 0]"),
        (PROTOBUF, b"k8s\x00\x12\x02\x0a\x00",
         "proto: wrong wireType = 2 for field GracePeriodSeconds"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_delete_options_is_refused(
    media_type: str, data: bytes, complaint: str
) -> None:
    with pytest.raises(BadRequest) as error:
        decode_delete_options(data, media_type)
    assert error.value.message == complaint


def test_delete_options_are_validated() -> None:
    with pytest.raises(Invalid, match="cannot be both set"):
        decode_delete_options(b'{"orphanDependents": true, "propagationPolicy": "Orphan"}', JSON)


@pytest.mark.parametrize("written", ["2.0", "2e0", "!!float 2"])
def test_a_whole_float_in_yaml_is_an_integer(written: str) -> None:
    decoded = decode_object(f"spec: {{replicas: {written}}}".encode(), YAML, DEPLOYMENT)
    assert repr(decoded.document["spec"]["replicas"]) == "2"
