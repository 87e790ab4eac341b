"""OpenAPI documents: that they hold together, and that clients find in them what they look for."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from apiserver.endpoints.openapi.definitions import Definitions
from apiserver.endpoints.openapi.discovery_paths import standalone_paths
from apiserver.endpoints.openapi.naming import tag, title, with_article
from apiserver.endpoints.openapi.service import STANDALONE, OpenAPIService
from apiserver.endpoints.openapi.v2 import reduced
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.builtin.kinds import builtin_catalog
from apiserver.resources.definition import ResourceDefinition, Subresource
from tests.unit.kinds import plain_kind

META = "io.k8s.apimachinery.pkg.apis.meta.v1."
KIND = GroupVersionKind("birds.example.com", "v1", "Goose")
GOOSE = ResourceDefinition(
    group=KIND.group,
    version=KIND.version,
    resource="geese",
    kind=KIND.kind,
    singular="goose",
    namespaced=True,
    verbs=("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"),
    storage_kind=KIND,
    storage_prefix="birds.example.com/geese",
    subresources=(Subresource("status", KIND, ("get", "patch", "update")),),
    list_kind="GooseList",
    custom=True,
)
GOOSE_SCHEMA = {
    "type": "object",
    "description": "A goose.",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "weight": {"type": "integer", "minimum": 1, "default": 4},
                "port": {"x-kubernetes-int-or-string": True},
                "name": {"type": "string", "nullable": True},
                "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "template": {"type": "object", "x-kubernetes-embedded-resource": True},
            },
        }
    },
}
GOOSE_NAME = "com.example.birds.v1.Goose"
GEESE = "/apis/birds.example.com/v1/namespaces/{namespace}/geese"


class Served:
    """The documents of a catalogue, each made once and read."""

    def __init__(self, *more: ResourceDefinition) -> None:
        self.catalog = builtin_catalog()
        self.catalog.replace(added=map(plain_kind, more))
        self.documents = OpenAPIService(self.catalog, lambda definition: GOOSE_SCHEMA)

    async def index(self) -> dict[str, str]:
        """Return the URL of each document."""
        content = json.loads((await self.documents.v3_index()).plain())
        return {name: row["serverRelativeURL"] for name, row in content["paths"].items()}

    async def v3(self, name: str) -> Any:
        """Return a document of version 3."""
        document = await self.documents.v3(name)
        assert document is not None
        return json.loads(document.plain())

    async def v2(self) -> Any:
        """Return the document of version 2."""
        return json.loads((await self.documents.v2()).plain())


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return Definitions()


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "$ref" and isinstance(member, str):
                yield member
            else:
                yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


async def test_the_index_names_each_document_by_its_tag() -> None:
    served = Served(GOOSE)
    index = await served.index()
    for name in ("apis/birds.example.com/v1", "apis/apps", "apis/apps/v1", "version", "apis"):
        document = await served.documents.v3(name)
        assert document is not None
        assert index[name] == f"/openapi/v3/{name}?hash={document.etag}"
    assert set(STANDALONE) < set(index)
    assert await served.documents.v3("apis/nowhere/v1") is None


async def test_a_tag_is_a_digest_of_the_document() -> None:
    document = await Served().documents.v3("version")
    again = await Served().documents.v3("version")
    assert document is not None
    assert again is not None
    assert (document.etag, document.plain()) == (again.etag, again.plain())
    assert re.fullmatch("[0-9A-F]{128}", document.etag)
    assert gzip.decompress(document.compressed) == document.plain()


async def test_every_reference_leads_somewhere() -> None:
    served = Served(GOOSE)
    for name in await served.index():
        document = await served.v3(name)
        schemas = document["components"]["schemas"]
        for reference in references(document):
            assert reference.removeprefix("#/components/schemas/") in schemas, (name, reference)
    whole = await served.v2()
    for reference in references(whole):
        assert reference.removeprefix("#/definitions/") in whole["definitions"], reference


async def test_operations_have_names_of_their_own() -> None:
    whole = await Served(GOOSE).v2()
    names = [
        operation["operationId"]
        for path in whole["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(names) == len(set(names))


async def test_clients_find_whether_a_patch_can_be_a_dry_run() -> None:
    document = await Served().v3("apis/apps/v1")
    path = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    patch = path["patch"]
    assert [each["name"] for each in patch["parameters"]] == [
        "dryRun", "fieldManager", "fieldValidation", "force"
    ]  # fmt: skip
    assert patch["x-kubernetes-action"] == "patch"
    assert patch["x-kubernetes-group-version-kind"] == {
        "group": "apps", "version": "v1", "kind": "Deployment"
    }  # fmt: skip
    assert [each["name"] for each in path["parameters"]] == ["name", "namespace", "pretty"]


async def test_parameters_of_all_operations_stand_at_the_path() -> None:
    document = await Served().v3("apis/apps/v1")
    path = document["paths"]["/apis/apps/v1/deployments"]
    assert "parameters" not in path["get"]
    assert "watch" in [each["name"] for each in path["parameters"]]


async def test_a_schema_tells_how_lists_merge() -> None:
    document = await Served().v3("api/v1")
    ports = schema(document, "io.k8s.api.core.v1.ServiceSpec")["properties"]["ports"]
    assert ports["x-kubernetes-list-map-keys"] == ["port", "protocol"]
    assert ports["x-kubernetes-patch-merge-key"] == "port"
    assert ports["items"] == {"$ref": "#/components/schemas/io.k8s.api.core.v1.ServicePort"}
    service = schema(document, "io.k8s.api.core.v1.Service")
    assert service["x-kubernetes-group-version-kind"] == [
        {"group": "", "kind": "Service", "version": "v1"}
    ]
    assert service["properties"]["kind"].keys() == {"description", "type"}


@pytest.mark.parametrize(
    ("name", "member", "default"),
    [
        ("io.k8s.api.core.v1.ServicePort", "protocol", "TCP"),
        ("io.k8s.api.core.v1.ServicePort", "port", 0),
        ("io.k8s.api.core.v1.ServicePort", "nodePort", None),
        ("io.k8s.api.core.v1.ServicePort", "targetPort", None),
        ("io.k8s.api.core.v1.Service", "spec", {}),
        ("io.k8s.api.core.v1.Container", "name", ""),
        ("io.k8s.api.core.v1.Container", "resources", {}),
        ("io.k8s.api.core.v1.Container", "livenessProbe", None),
        ("io.k8s.api.core.v1.EphemeralContainer", "resources", {}),
        ("io.k8s.api.core.v1.ConfigMapKeySelector", "name", ""),
        ("io.k8s.api.core.v1.ConfigMapKeySelector", "optional", None),
        ("io.k8s.api.core.v1.ISCSIVolumeSource", "iscsiInterface", "default"),
        ("io.k8s.api.coordination.v1.Lease", "spec", {}),
        (f"{META}ObjectMeta", "creationTimestamp", None),
        (f"{META}ObjectMeta", "name", None),
        (f"{META}OwnerReference", "uid", ""),
        (f"{META}OwnerReference", "controller", None),
        (f"{META}APIResource", "namespaced", False),
    ],
)
def test_defaults_follow_from_the_type(
    definitions: Definitions, name: str, member: str, default: Any
) -> None:
    found = definitions.defaulted(name)["properties"][member]
    assert found.get("default") == default
    assert ("default" in found) == (default is not None)


@pytest.mark.parametrize(
    ("name", "member", "element"),
    [
        (f"{META}ObjectMeta", "labels", {"type": "string", "default": ""}),
        ("io.k8s.api.core.v1.Container", "args", {"type": "string", "default": ""}),
        ("io.k8s.api.core.v1.ConfigMap", "binaryData", {"type": "string", "format": "byte"}),
        ("io.k8s.api.core.v1.ResourceRequirements", "limits",
         {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"}),
    ],
)  # fmt: skip
def test_elements_have_defaults_too(
    definitions: Definitions, name: str, member: str, element: Any
) -> None:
    found = definitions.defaulted(name)["properties"][member]
    assert found.get("items", found.get("additionalProperties")) == element


@pytest.mark.parametrize(
    ("name", "member", "values"),
    [
        ("core.v1.ServicePort", "protocol", ["SCTP", "TCP", "UDP"]),
        ("core.v1.PodSpec", "restartPolicy", ["Always", "Never", "OnFailure"]),
        ("networking.v1.NetworkPolicySpec", "policyTypes", ["Egress", "Ingress"]),
    ],
)
def test_members_say_which_values_they_take(
    definitions: Definitions, name: str, member: str, values: list[str]
) -> None:
    found = definitions.defaulted(f"io.k8s.api.{name}")["properties"][member]
    assert found.get("items", found)["enum"] == values
    plain = definitions.plain(f"io.k8s.api.{name}")["properties"][member]
    assert "enum" not in plain.get("items", plain)


def test_version_2_has_no_defaults_and_no_alternatives(definitions: Definitions) -> None:
    port = definitions.plain("io.k8s.api.core.v1.ServicePort")["properties"]
    assert "default" not in port["protocol"]
    assert port["targetPort"]["$ref"].startswith("#/definitions/")
    either = definitions.plain("io.k8s.apimachinery.pkg.util.intstr.IntOrString")
    assert (either["type"], either["format"]) == ("string", "int-or-string")
    assert "oneOf" not in either


async def test_a_custom_kind_has_what_every_object_has() -> None:
    document = await Served(GOOSE).v3("apis/birds.example.com/v1")
    goose = schema(document, GOOSE_NAME)
    assert goose["x-kubernetes-group-version-kind"] == [KIND._asdict()]
    assert goose["required"] == ["spec"]
    assert goose["properties"]["apiVersion"]["type"] == "string"
    assert goose["properties"]["metadata"]["allOf"] == [
        {"$ref": f"#/components/schemas/{META}ObjectMeta"}
    ]
    spec = goose["properties"]["spec"]["properties"]
    assert spec["weight"] == {"type": "integer", "minimum": 1, "default": 4}
    assert spec["port"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert spec["template"]["required"] == ["kind", "apiVersion"]
    assert set(spec["template"]["properties"]) == {"apiVersion", "kind", "metadata"}
    many = schema(document, "com.example.birds.v1.GooseList")
    assert many["description"] == "GooseList is a list of Goose"
    assert many["properties"]["items"]["items"] == {"$ref": f"#/components/schemas/{GOOSE_NAME}"}
    assert f"{META}OwnerReference" in document["components"]["schemas"]


async def test_a_custom_kind_is_neither_watched_by_path_nor_sent_as_protobuf() -> None:
    document = await Served(GOOSE).v3("apis/birds.example.com/v1")
    assert set(document["paths"]) == {
        GEESE, f"{GEESE}/{{name}}", f"{GEESE}/{{name}}/status", "/apis/birds.example.com/v1/geese"
    }  # fmt: skip
    create = document["paths"][GEESE]["post"]
    assert set(create["requestBody"]["content"]) == {"application/json", "application/yaml"}
    assert set(create["responses"]["201"]["content"]) == {"application/json", "application/yaml"}
    patch = document["paths"][f"{GEESE}/{{name}}"]["patch"]
    assert "application/strategic-merge-patch+json" not in patch["requestBody"]["content"]
    status = document["paths"][f"{GEESE}/{{name}}/status"]
    assert [each["name"] for each in status["parameters"]] == ["name", "namespace", "pretty"]


async def test_documents_follow_the_catalogue() -> None:
    served = Served()
    before = await served.index()
    whole = await served.v2()
    assert GEESE not in whole["paths"]
    kept = await served.documents.v3("api/v1")
    served.catalog.replace(added=[plain_kind(GOOSE)])
    assert await served.documents.v3("api/v1") is kept
    during = await served.index()
    assert during.keys() - before.keys() == {"apis/birds.example.com/v1"}
    assert during["api/v1"] == before["api/v1"]
    assert GEESE in (await served.v2())["paths"]
    first = await served.v3("apis/birds.example.com/v1")
    served.catalog.replace(added=[plain_kind(replace(GOOSE, subresources=()))])
    assert await served.v3("apis/birds.example.com/v1") != first
    served.catalog.replace(removed=[GOOSE])
    assert await served.index() == before
    assert await served.documents.v3("apis/birds.example.com/v1") is None


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer", "default": 4, "minimum": 1}, {"type": "integer", "minimum": 1}),
        ({"type": "string", "nullable": True, "description": "d"}, {"description": "d"}),
        ({"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}]},
         {"x-kubernetes-int-or-string": True}),
        ({"type": "object", "properties": {"a": {"type": "string"}},
          "x-kubernetes-preserve-unknown-fields": True},
         {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        ({"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/a.b"}]}},
         {"type": "array", "items": {"$ref": "#/definitions/a.b"}}),
        ({"type": "object", "oneOf": [{"required": ["a"]}], "allOf": [{"required": ["b"]}]},
         {"type": "object"}),
    ],
)  # fmt: skip
def test_version_2_says_less(schema: Any, expected: Any) -> None:
    assert reduced(schema) == expected


@pytest.mark.parametrize(
    ("group", "version", "tag_", "title_"),
    [
        ("", "v1", "core_v1", "CoreV1"),
        ("apps", "v1", "apps_v1", "AppsV1"),
        ("rbac.authorization.k8s.io", "v1", "rbacAuthorization_v1", "RbacAuthorizationV1"),
        ("flowcontrol.apiserver.k8s.io", "v1", "flowcontrolApiserver_v1", "FlowcontrolApiserverV1"),
        ("stable.example.com", "v1beta1", "stableExampleCom_v1beta1", "StableExampleComV1beta1"),
        ("apps", "", "apps", "Apps"),
    ],
)
def test_groups_give_names(group: str, version: str, tag_: str, title_: str) -> None:
    assert tag(group, version) == tag_
    assert title(group, version) == title_


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Pod", "a Pod"),
        ("Ingress", "an Ingress"),
        ("Endpoints", "Endpoints"),
        ("APIService", "an APIService"),
    ],
)
def test_kinds_have_articles(kind: str, expected: str) -> None:
    assert with_article(kind) == expected


def test_every_lone_document_has_a_path() -> None:
    assert set(standalone_paths()) == set(STANDALONE)
