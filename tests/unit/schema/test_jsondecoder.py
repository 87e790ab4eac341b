"""Decoding of typed objects: unknown and duplicate fields, and errors."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from apiserver.machinery.documentlimits import MAX_DEPTH
from apiserver.machinery.documents import dump_json, parse_json
from apiserver.schema.jsondecoder import DecodeError, decode_json, from_unstructured
from apiserver.schema.structtypes import StructType, struct_of_kind

QUANTITY = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


def type_of(kind: str) -> StructType:
    found = struct_of_kind(*kind.rsplit("/", 1))
    assert found is not None
    return found


def container(**members: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", **members}]}}


@pytest.mark.parametrize(
    ("kind", "document", "canonical"),
    [
        ("v1/ConfigMap", {}, {"metadata": {}}),
        ("v1/ConfigMap", {"data": {}, "immutable": None}, {"metadata": {}}),
        ("v1/ConfigMap", {"immutable": False}, {"metadata": {}, "immutable": False}),
        ("v1/ConfigMap", {"data": {"k": None}}, {"metadata": {}, "data": {"k": ""}}),
        ("v1/ConfigMap", {"metadata": None}, {"metadata": {}}),
        (
            "v1/ConfigMap",
            {"metadata": {"name": "", "labels": {}, "creationTimestamp": None}},
            {"metadata": {}},
        ),
        (
            "v1/ConfigMap",
            {"metadata": {"creationTimestamp": "2024-01-01T02:00:00.75+01:00"}},
            {"metadata": {"creationTimestamp": "2024-01-01T01:00:00Z"}},
        ),
        (
            "v1/ConfigMap",
            {"metadata": {"creationTimestamp": "0001-01-01T00:00:00Z"}},
            {"metadata": {}},
        ),
        ("v1/Service", {}, {"metadata": {}, "spec": {}, "status": {"loadBalancer": {}}}),
        (
            "v1/Service",
            {"spec": {"ports": [{}], "publishNotReadyAddresses": False}},
            {
                "metadata": {},
                "spec": {"ports": [{"port": 0, "targetPort": 0}]},
                "status": {"loadBalancer": {}},
            },
        ),
        ("rbac.authorization.k8s.io/v1/Role", {}, {"metadata": {}, "rules": None}),
        (
            "rbac.authorization.k8s.io/v1/Role",
            {"rules": [{"verbs": []}]},
            {"metadata": {}, "rules": [{"verbs": None}]},
        ),
        (
            "v1/ResourceQuota",
            {"spec": {"hard": {"pods": 5, "cpu": "1000m", "memory": " 1024Mi ", "x": 0.1}}},
            {
                "metadata": {},
                "spec": {"hard": {"pods": "5", "cpu": "1", "memory": "1Gi", "x": "100m"}},
                "status": {},
            },
        ),
        (
            "v1/Secret",
            {"data": {"k": "YQ==\n", "e": ""}},
            {"metadata": {}, "data": {"k": "YQ==", "e": ""}},
        ),
        (
            "coordination.k8s.io/v1/Lease",
            {"spec": {"renewTime": "2024-01-01T00:00:00.123456Z", "leaseTransitions": 0}},
            {
                "metadata": {},
                "spec": {"renewTime": "2024-01-01T00:00:00.123456Z", "leaseTransitions": 0},
            },
        ),
        (
            "apps/v1/ControllerRevision",
            {"data": {"any": [1, {"thing": None}]}, "revision": 3},
            {"metadata": {}, "data": {"any": [1, {"thing": None}]}, "revision": 3},
        ),
    ],
)
def test_a_canonical_document_is_what_json_of_the_typed_object_shows(
    kind: str, document: dict[str, Any], canonical: dict[str, Any]
) -> None:
    given = copy.deepcopy(document)
    found = decode_json(type_of(kind), document)
    assert dump_json(sorted_members(found.object)) == dump_json(sorted_members(canonical))
    assert found.problems == []
    assert document == given
    again = decode_json(type_of(kind), found.object)
    assert again.object == found.object


def sorted_members(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: sorted_members(value[name]) for name in sorted(value)}
    return [sorted_members(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("kind", "document", "complaint"),
    [
        (
            "v1/ConfigMap",
            {"data": {"k": 1}},
            "number into Go struct field ConfigMap.data of type string",
        ),
        (
            "v1/ConfigMap",
            {"data": ["k"]},
            "array into Go struct field ConfigMap.data of type map[string]string",
        ),
        (
            "v1/ConfigMap",
            {"immutable": "y"},
            "string into Go struct field ConfigMap.immutable of type bool",
        ),
        (
            "v1/ConfigMap",
            {"metadata": "a"},
            "string into Go struct field ConfigMap.metadata of type v1.ObjectMeta",
        ),
        (
            "v1/ConfigMap",
            {"metadata": {"labels": "x"}},
            "string into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (
            "v1/Pod",
            container(command="x"),
            "string into Go struct field Container.spec.containers.command of type []string",
        ),
        (
            "v1/Pod",
            container(ports=[1]),
            "number into Go struct field Container.spec.containers.ports of type v1.ContainerPort",
        ),
        (
            "v1/Service",
            {"spec": {"ports": [{"port": 8080.5}]}},
            "number 8080.5 into Go struct field ServicePort.spec.ports.port of type int32",
        ),
        (
            "v1/Service",
            {"spec": {"ports": [{"port": 99999999999}]}},
            "number 99999999999 into Go struct field ServicePort.spec.ports.port of type int32",
        ),
        (
            "v1/Service",
            {"spec": {"ports": [{"targetPort": True}]}},
            "bool into Go struct field ServicePort.spec.ports.targetPort of type int32",
        ),
        (
            "v1/Pod",
            {"spec": {"restartPolicy": 5}},
            "number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy",
        ),
        (
            "v1/Pod",
            container(securityContext={"capabilities": {"add": "ALL"}}),
            "string into Go struct field "
            "Capabilities.spec.containers.securityContext.capabilities.add of type []v1.Capability",
        ),
        (
            "v1/Pod",
            container(resources={"limits": []}),
            "array into Go struct field "
            "ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList",
        ),
        (
            "v1/Pod",
            {"spec": {"volumes": [{"configMap": {"name": 5}}]}},
            "number into Go struct field ConfigMapVolumeSource.spec.volumes.VolumeSource.configMap."
            "LocalObjectReference.name of type string",
        ),
        (
            "resource.k8s.io/v1/ResourceSlice",
            {"spec": {"devices": [{"attributes": []}]}},
            "array into Go struct field Device.spec.devices.attributes of type "
            "map[v1.QualifiedName]v1.DeviceAttribute",
        ),
        ("v1/ConfigMap", [], "array into Go value of type v1.ConfigMap"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(
    kind: str, document: Any, complaint: str
) -> None:
    with pytest.raises(DecodeError) as error:
        decode_json(type_of(kind), document)
    assert str(error.value) == f"json: cannot unmarshal {complaint}"


@pytest.mark.parametrize(
    ("kind", "document", "complaint"),
    [
        ("v1/Secret", {"data": {"k": "not base64!"}}, "illegal base64 data at input byte 3"),
        ("v1/Secret", {"data": {"k": "YQ="}}, "illegal base64 data at input byte 3"),
        ("v1/Pod", container(resources={"limits": {"cpu": "much"}}), QUANTITY),
        (
            "v1/ConfigMap",
            {"metadata": {"creationTimestamp": "yesterday"}},
            'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": '
            'cannot parse "yesterday" as "2006"',
        ),
        (
            "v1/ConfigMap",
            {"metadata": {"creationTimestamp": "2024-13-01T00:00:00Z"}},
            'parsing time "2024-13-01T00:00:00Z": month out of range',
        ),
        (
            "coordination.k8s.io/v1/Lease",
            {"spec": {"renewTime": "2024-01-01T00:00:01.5Z"}},
            'parsing time "2024-01-01T00:00:01.5Z" as "2006-01-02T15:04:05.000000Z07:00": '
            'cannot parse ".5Z" as ".000000"',
        ),
    ],
)
def test_types_that_read_themselves_complain_in_their_own_words(
    kind: str, document: dict[str, Any], complaint: str
) -> None:
    for read in (decode_json, from_unstructured):
        with pytest.raises(DecodeError) as error:
            read(type_of(kind), document)
        assert str(error.value).removeprefix("error decoding from json: ") == complaint


def test_members_that_are_not_known_are_dropped_and_told() -> None:
    document = {
        "metadata": {"lables": {}},
        "spec": {
            "containers": [{"name": "a"}, {"name": "b", "imag": 1, "ports": [{"prt": 1}]}],
            "nodeSelector": {"any": "thing"},
        },
        "sepc": {},
    }
    found = decode_json(type_of("v1/Pod"), document)
    assert found.problems == [
        'unknown field "metadata.lables"',
        'unknown field "spec.containers[1].imag"',
        'unknown field "spec.containers[1].ports[0].prt"',
        'unknown field "sepc"',
    ]
    assert "imag" not in found.object["spec"]["containers"][1]
    assert from_unstructured(type_of("v1/Pod"), document).problems == sorted(found.problems)


CRD = type_of("apiextensions.k8s.io/v1/CustomResourceDefinition")


def with_schema(schema: Any) -> dict[str, Any]:
    return {"spec": {"versions": [{"schema": {"openAPIV3Schema": schema}}]}}


def schema_in(document: dict[str, Any]) -> Any:
    return document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@pytest.mark.parametrize(
    ("given", "read", "problems"),
    [
        ({"properties": {"a": {"odd": 1}}}, {"properties": {"a": {}}}, ["properties.a.odd"]),
        ({"items": {"odd": 1, "type": "string"}}, {"items": {"type": "string"}}, []),
        ({"items": [{"odd": 1}]}, {"items": [{}]}, []),
        ({"items": "odd"}, {"items": None}, []),
        ({"items": None}, {}, []),
        ({"additionalProperties": {"odd": 1}}, {"additionalProperties": {}}, []),
        ({"additionalProperties": False}, {"additionalProperties": False}, []),
        ({"dependencies": {"a": {"odd": 1}}}, {"dependencies": {"a": {}}}, []),
        ({"dependencies": {"a": ["b"]}}, {"dependencies": {"a": ["b"]}}, []),
        ({"default": None, "enum": [None, 1.0]}, {"enum": [None, 1]}, []),
        ({"default": 10**20, "enum": [1 << 63]}, {"default": 1e20, "enum": [2.0**63]}, []),
        ({"maximum": 1e20, "minimum": -5.0}, {"maximum": 1e20, "minimum": -5}, []),
    ],
)
def test_a_schema_that_reads_itself_tells_of_nothing(
    given: Any, read: Any, problems: list[str]
) -> None:
    found = decode_json(CRD, with_schema(given))
    assert schema_in(found.object) == read
    prefix = "spec.versions[0].schema.openAPIV3Schema"
    assert found.problems == [f'unknown field "{prefix}.{each}"' for each in problems]


@pytest.mark.parametrize(
    ("schema", "error"),
    [
        ({"items": {"type": 1}}, "number into Go struct field JSONSchemaProps.type of type string"),
        ({"items": [1]}, "number into Go value of type v1.JSONSchemaProps"),
        (
            {"additionalProperties": {"properties": []}},
            "array into Go struct field JSONSchemaProps.properties of type "
            "map[string]v1.JSONSchemaProps",
        ),
    ],
)
def test_a_schema_that_reads_itself_complains_from_there(schema: Any, error: str) -> None:
    with pytest.raises(DecodeError) as refusal:
        decode_json(CRD, with_schema(schema))
    assert str(refusal.value) == f"json: cannot unmarshal {error}"


def test_no_more_than_a_hundred_of_them_are_told() -> None:
    document = {f"x{number}": 1 for number in range(150)}
    assert len(decode_json(type_of("v1/Pod"), document).problems) == 100


@pytest.mark.parametrize(
    ("kind", "document", "complaint"),
    [
        ("v1/ConfigMap", {"data": {"k": True}}, "unrecognized type: string"),
        ("v1/ConfigMap", {"data": {"k": 1}}, "cannot convert int64 to string"),
        ("v1/ConfigMap", {"data": {"k": 1.5}}, "unrecognized type: string"),
        ("v1/ConfigMap", {"data": []}, "cannot restore map from slice"),
        ("v1/ConfigMap", {"metadata": "a"}, "cannot restore struct from: string"),
        ("v1/Pod", {"spec": {"containers": {"name": "c"}}}, "cannot restore slice from map"),
        ("v1/Pod", container(tty=1), "unrecognized type: bool"),
        ("apps/v1/Deployment", {"spec": {"replicas": "3"}}, "unrecognized type: int32"),
        ("apps/v1/Deployment", {"spec": {"replicas": 1.5}}, "cannot convert float64 to int32"),
        ("v1/Secret", {"data": {"k": 1}}, "cannot restore slice from int64"),
        (
            "v1/Service",
            {"spec": {"ports": [{"targetPort": True}]}},
            "json: cannot unmarshal bool into Go value of type int32",
        ),
        (
            "v1/ConfigMap",
            {"metadata": {"creationTimestamp": 1}},
            "json: cannot unmarshal number into Go value of type string",
        ),
    ],
)
def test_what_a_strategic_merge_made_is_complained_of_in_other_words(
    kind: str, document: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(DecodeError) as error:
        from_unstructured(type_of(kind), document)
    assert str(error.value) == complaint


@pytest.mark.parametrize(
    ("replicas", "restored"), [(3, 3), (3.0, 3), (1 << 32, 0), ((1 << 31) + 1, -(1 << 31) + 1)]
)
def test_restored_integers_keep_their_low_bits(replicas: float, restored: int) -> None:
    document = {"spec": {"replicas": replicas}}
    spec = from_unstructured(type_of("apps/v1/Deployment"), document).object["spec"]
    assert spec["replicas"] == restored
    assert type(spec["replicas"]) is int


def test_what_can_be_read_can_be_written() -> None:
    """However deep, a document that is read as JSON can be canonical and be written again."""
    schema: Any = {"type": "string"}
    for level in range(MAX_DEPTH - 8):
        schema = {"items": schema} if level % 2 else {"not": schema}
    versions = [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]
    data = dump_json({"spec": {"versions": versions}})
    crd = type_of("apiextensions.k8s.io/v1/CustomResourceDefinition")
    for read in (decode_json, from_unstructured):
        found = read(crd, parse_json(data)).object["spec"]["versions"][0]["schema"]
        assert dump_json(found["openAPIV3Schema"]) == dump_json(schema)


def test_a_canonical_document_shares_nothing_with_what_it_was_read_from() -> None:
    document = {"metadata": {"labels": {"a": "b"}, "finalizers": ["x/y"]}, "data": {"k": "v"}}
    found = decode_json(type_of("v1/ConfigMap"), document).object
    found["metadata"]["labels"]["c"] = "d"
    found["metadata"]["finalizers"].append("z/z")
    found["data"]["l"] = "w"
    assert document == {
        "metadata": {"labels": {"a": "b"}, "finalizers": ["x/y"]},
        "data": {"k": "v"},
    }
