"""Schemas of built-in kinds out of the published definitions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apiserver.schema.openapi import builtin_schema
from apiserver.schema.publisheddefinitions import definitions_file, published_definitions
from apiserver.schema.structtypes import LEAVES, struct_of_kind, struct_type
from apiserver.schema.structural import MISSING, Schema


def at(api_version: str, kind: str, path: str) -> Schema:
    """Follow members, ``[]`` into items, ``{}`` into values."""
    schema = builtin_schema(api_version, kind)
    for part in path.split(".") if path else []:
        assert schema is not None
        if part == "[]":
            schema = schema.items
        elif part == "{}":
            schema = schema.values
        else:
            schema = schema.properties[part]
    assert schema is not None
    return schema


CONTAINERS = "spec.template.spec.containers"


@pytest.mark.parametrize(
    ("kind", "path", "list_type", "list_map_keys", "strategy", "merge_key"),
    [
        ("apps/v1/Deployment", CONTAINERS, "map", ("name",), ("merge",), "name"),
        (
            "apps/v1/Deployment",
            f"{CONTAINERS}.[].ports",
            "map",
            ("containerPort", "protocol"),
            ("merge",),
            "containerPort",
        ),
        (
            "apps/v1/Deployment",
            "spec.template.spec.volumes",
            "map",
            ("name",),
            ("merge", "retainKeys"),
            "name",
        ),
        ("v1/Service", "spec.ports", "map", ("port", "protocol"), ("merge",), "port"),
        ("v1/ConfigMap", "metadata.finalizers", "set", (), ("merge",), ""),
        ("v1/ConfigMap", "metadata.ownerReferences", "map", ("uid",), ("merge",), "uid"),
        ("v1/Pod", "spec.tolerations", "atomic", (), (), ""),
        ("networking.k8s.io/v1/Ingress", "spec.rules", "atomic", (), (), ""),
        ("rbac.authorization.k8s.io/v1/RoleBinding", "subjects", "atomic", (), (), ""),
        ("v1/Pod", "spec.hostAliases", "map", ("ip",), ("merge",), "ip"),
    ],
)
def test_lists_are_keyed_sets_or_whole(
    kind: str, path: str, list_type: str, list_map_keys: Any, strategy: Any, merge_key: str
) -> None:
    schema = at(*kind.rsplit("/", 1), path)
    assert schema.type == "array"
    assert (schema.list_type, schema.list_map_keys) == (list_type, list_map_keys)
    assert (schema.patch_strategy, schema.patch_merge_key) == (strategy, merge_key)


@pytest.mark.parametrize(
    ("kind", "path", "map_type"),
    [
        ("v1/Service", "spec.selector", "atomic"),
        ("apps/v1/Deployment", "spec.selector", "atomic"),
        ("v1/PersistentVolume", "spec.claimRef", "granular"),
        ("v1/ConfigMap", "metadata.labels", ""),
        ("v1/Pod", "spec", ""),
    ],
)
def test_objects_are_owned_as_a_whole_where_they_say_so(
    kind: str, path: str, map_type: str
) -> None:
    assert at(*kind.rsplit("/", 1), path).map_type == map_type


@pytest.mark.parametrize(
    ("kind", "path", "default"),
    [
        ("v1/Pod", "spec.containers.[].ports.[].protocol", "TCP"),
        ("v1/Pod", "spec.containers.[].ports.[].containerPort", 0),
        ("v1/Pod", "spec.containers.[].ports.[].hostPort", MISSING),
        ("v1/Pod", "spec.imagePullSecrets.[].name", ""),
        ("v1/Pod", "spec.containers.[].name", ""),
        ("v1/Service", "spec.ports.[].protocol", "TCP"),
        ("v1/ServiceAccount", "secrets.[].name", MISSING),
    ],
)
def test_keys_that_may_be_left_out_have_defaults(kind: str, path: str, default: Any) -> None:
    assert at(*kind.rsplit("/", 1), path).default == default


def test_a_member_may_say_more_than_its_type() -> None:
    strategy = at("apps/v1", "Deployment", "spec.strategy")
    assert strategy.patch_strategy == ("retainKeys",)
    assert set(strategy.properties) == {"type", "rollingUpdate"}
    assert at("policy/v1", "PodDisruptionBudget", "spec.selector").patch_strategy == ("replace",)
    assert at("apps/v1", "Deployment", "spec.selector").patch_strategy == ()


def test_leaves_have_their_types_and_formats() -> None:
    assert at("apps/v1", "Deployment", "spec.replicas").format == "int32"
    surge = at("apps/v1", "Deployment", "spec.strategy.rollingUpdate.maxSurge")
    assert (surge.type, surge.format, surge.int_or_string) == ("string", "int-or-string", True)
    cpu = at("v1", "ResourceQuota", "spec.hard.{}")
    assert (cpu.type, cpu.format, cpu.int_or_string) == ("string", "quantity", True)
    assert at("v1", "Secret", "data.{}").format == "byte"
    assert at("v1", "Pod", "metadata.creationTimestamp").format == "date-time"


def test_raw_documents_hold_anything() -> None:
    data = at("apps/v1", "ControllerRevision", "data")
    assert (data.type, data.preserve_unknown_fields) == ("object", True)
    crd = "spec.versions.[].schema.openAPIV3Schema"
    schema = at("apiextensions.k8s.io/v1", "CustomResourceDefinition", crd)
    assert schema.properties["default"].preserve_unknown_fields
    assert schema.properties["default"].type == ""


def test_a_type_may_hold_itself() -> None:
    crd = "spec.versions.[].schema.openAPIV3Schema"
    schema = at("apiextensions.k8s.io/v1", "CustomResourceDefinition", crd)
    assert schema.properties["properties"].values is schema
    assert schema.properties["not"] is schema


def test_kinds_share_what_they_have_in_common() -> None:
    assert at("v1", "Pod", "spec") is at("apps/v1", "ReplicaSet", "spec.template.spec")
    assert builtin_schema("v1", "Pod") is builtin_schema("v1", "Pod")


def test_a_kind_that_is_not_built_in_has_no_schema() -> None:
    assert builtin_schema("example.com/v1", "Goose") is None
    assert builtin_schema("v1", "Deployment") is None


@pytest.mark.parametrize(
    "kind",
    ["v1/Pod", "v1/Service", "apps/v1/StatefulSet", "autoscaling/v2/HorizontalPodAutoscaler"],
)
def test_schema_and_layout_have_the_same_members(kind: str) -> None:
    api_version, _, name = kind.rpartition("/")
    struct, schema = struct_of_kind(api_version, name), builtin_schema(api_version, name)
    assert struct is not None
    assert schema is not None
    pairs = [(struct, schema)]
    seen = set()
    while pairs:
        type_, node = pairs.pop()
        if type_.name in seen:
            continue
        seen.add(type_.name)
        fields = {field.name: field for field in type_.members()}
        assert set(node.properties) - {"apiVersion", "kind"} == set(fields) - {"apiVersion", "kind"}
        for field in fields.values():
            inner = node.properties[field.name]
            inner = (inner.items or inner) if field.repeated else inner
            if not field.is_map and field.type not in LEAVES:
                pairs.append((struct_type(field.type), inner))
    assert "meta.v1.OwnerReference" in seen


@pytest.mark.parametrize("minor", ["27", "36", "37"])
def test_the_published_definitions_are_all_those_of_the_file(minor: str) -> None:
    expected = json.loads(definitions_file(minor).read_bytes())["$defs"]
    assert dict(published_definitions(minor)) == expected
    assert len(expected) > 500
