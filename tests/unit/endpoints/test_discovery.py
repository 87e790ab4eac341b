"""Discovery documents, against what a real kube-apiserver answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from apiserver.endpoints import discovery
from apiserver.machinery.documents import dump_json, dump_yaml
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.builtin.kinds import builtin_catalog
from apiserver.resources.catalog import Catalog
from apiserver.resources.definition import ResourceDefinition, Subresource
from tests.unit.kinds import plain_kind

ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
EDIT = ["get", "patch", "update"]
CUSTOM = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
GOOSE = ResourceDefinition(
    group="example.com",
    version="v1",
    resource="geese",
    kind="Goose",
    singular="goose",
    namespaced=False,
    verbs=CUSTOM,
    storage_kind=GroupVersionKind("example.com", "v1", "Goose"),
    storage_prefix="example.com/geese",
    short_names=("gs",),
    categories=("all", "birds"),
    subresources=(
        Subresource("status", GroupVersionKind("example.com", "v1", "Goose"), tuple(EDIT)),
        Subresource("scale", GroupVersionKind("autoscaling", "v1", "Scale"), tuple(EDIT)),
    ),
    list_kind="GooseList",
    custom=True,
)


@pytest.fixture
def catalog() -> Catalog:
    return builtin_catalog()


def plain(document: Any) -> Any:
    return json.loads(dump_json(document))


def entry(catalog: Catalog, group: str, version: str, name: str) -> Any:
    document = plain(discovery.api_resource_list(catalog, group, version))
    (found,) = [each for each in document["resources"] if each["name"] == name]
    return found


def test_the_core_groups_list_has_no_api_version(catalog: Catalog) -> None:
    document = plain(discovery.api_resource_list(catalog, "", "v1"))
    assert list(document) == ["kind", "groupVersion", "resources"]
    assert document["groupVersion"] == "v1"


def test_a_small_group_in_full(catalog: Catalog) -> None:
    assert plain(discovery.api_resource_list(catalog, "policy", "v1")) == {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "policy/v1",
        "resources": [
            {
                "name": "poddisruptionbudgets",
                "singularName": "poddisruptionbudget",
                "namespaced": True,
                "kind": "PodDisruptionBudget",
                "verbs": ALL,
                "shortNames": ["pdb"],
                "storageVersionHash": "EVWiDmWqyJw=",
            },
            {
                "name": "poddisruptionbudgets/status",
                "singularName": "",
                "namespaced": True,
                "kind": "PodDisruptionBudget",
                "verbs": EDIT,
            },
        ],
    }


def test_what_is_not_served_has_no_document(catalog: Catalog) -> None:
    assert discovery.api_resource_list(catalog, "apps", "v1beta9") is None
    assert discovery.api_resource_list(catalog, "", "v2") is None


def test_resources_stand_in_alphabetical_order(catalog: Catalog) -> None:
    for group in catalog.groups():
        for version in catalog.versions(group):
            document = plain(discovery.api_resource_list(catalog, group, version))
            names = [each["name"] for each in document["resources"]]
            assert names == sorted(names)


@pytest.mark.parametrize(
    ("group", "version", "name", "kind", "foreign", "verbs"),
    [
        ("apps", "v1", "deployments/scale", "Scale", "autoscaling/v1", EDIT),
        ("", "v1", "replicationcontrollers/scale", "Scale", "autoscaling/v1", EDIT),
        ("", "v1", "pods/eviction", "Eviction", "policy/v1", ["create"]),
        ("", "v1", "serviceaccounts/token", "TokenRequest", "authentication.k8s.io/v1", ["create"]),
        ("", "v1", "pods/binding", "Binding", "", ["create"]),
        ("", "v1", "pods/exec", "PodExecOptions", "", ["create", "get"]),
        ("", "v1", "pods/log", "Pod", "", ["get"]),
        ("", "v1", "pods/resize", "Pod", "", EDIT),
        ("", "v1", "nodes/proxy", "NodeProxyOptions", "",
         ["create", "delete", "get", "patch", "update"]),
        ("", "v1", "namespaces/finalize", "Namespace", "", ["update"]),
        ("certificates.k8s.io", "v1", "certificatesigningrequests/approval",
         "CertificateSigningRequest", "", EDIT),
    ],
)  # fmt: skip
def test_subresources(
    catalog: Catalog, group: str, version: str, name: str, kind: str, foreign: str, verbs: list[str]
) -> None:
    found = entry(catalog, group, version, name)
    assert (found["kind"], found["verbs"], found["singularName"]) == (kind, verbs, "")
    assert "/".join(found[key] for key in ("group", "version") if key in found) == foreign


@pytest.mark.parametrize(
    ("group", "version", "name", "expected"),
    [
        ("", "v1", "pods", "xPOwRZ+Yhw8="),
        ("", "v1", "events", "r2yiGXH7wu8="),
        ("events.k8s.io", "v1", "events", "r2yiGXH7wu8="),
        ("autoscaling", "v1", "horizontalpodautoscalers", "qwQve8ut294="),
        ("autoscaling", "v2", "horizontalpodautoscalers", "qwQve8ut294="),
        ("", "v1", "bindings", None),
        ("", "v1", "componentstatuses", None),
        ("authorization.k8s.io", "v1", "subjectaccessreviews", None),
    ],
)
def test_the_hash_tells_the_version_that_is_stored(
    catalog: Catalog, group: str, version: str, name: str, expected: str | None
) -> None:
    assert entry(catalog, group, version, name).get("storageVersionHash") == expected


def test_a_group_prefers_its_first_version(catalog: Catalog) -> None:
    assert plain(discovery.api_group(catalog, "autoscaling")) == {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": "autoscaling",
        "versions": [
            {"groupVersion": "autoscaling/v2", "version": "v2"},
            {"groupVersion": "autoscaling/v1", "version": "v1"},
        ],
        "preferredVersion": {"groupVersion": "autoscaling/v2", "version": "v2"},
    }


def test_the_list_of_groups_leaves_out_the_core_group(catalog: Catalog) -> None:
    names = [each["name"] for each in plain(discovery.api_group_list(catalog))["groups"]]
    assert names == [group for group in catalog.groups() if group]


def test_a_document_can_be_written_as_yaml_without_anchors(catalog: Catalog) -> None:
    document = discovery.api_resource_list(catalog, "apps", "v1")
    assert b"&id" not in dump_yaml(document)
    assert b"verbs:\n  - create\n" in dump_yaml(document)


def test_the_aggregated_form_leaves_out_what_is_the_resources_own(catalog: Catalog) -> None:
    (core,) = plain(discovery.aggregated(catalog, core=True))["items"]
    assert core["metadata"] == {}
    (version,) = core["versions"]
    assert (version["version"], version["freshness"]) == ("v1", "Current")
    (found,) = [each for each in version["resources"] if each["resource"] == "serviceaccounts"]
    assert found == {
        "resource": "serviceaccounts",
        "responseKind": {"group": "", "version": "", "kind": "ServiceAccount"},
        "scope": "Namespaced",
        "singularResource": "serviceaccount",
        "verbs": ALL,
        "shortNames": ["sa"],
        "subresources": [
            {
                "subresource": "token",
                "responseKind": {
                    "group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"
                },
                "verbs": ["create"],
            }
        ],
    }  # fmt: skip


def test_the_aggregated_form_has_all_groups_but_the_core_one(catalog: Catalog) -> None:
    document = plain(discovery.aggregated(catalog, core=False))
    names = [each["metadata"]["name"] for each in document["items"]]
    assert names == [group for group in catalog.groups() if group]
    assert list(document) == ["kind", "apiVersion", "metadata", "items"]


def test_a_custom_kind_keeps_its_order_of_verbs_and_subresources(catalog: Catalog) -> None:
    catalog.replace(added=[plain_kind(GOOSE)])
    resources = plain(discovery.api_resource_list(catalog, "example.com", "v1"))["resources"]
    assert [each["name"] for each in resources] == ["geese", "geese/status", "geese/scale"]
    assert resources[0]["verbs"] == list(CUSTOM)
    assert resources[0]["categories"] == ["all", "birds"]
    assert (resources[2]["group"], resources[2]["version"]) == ("autoscaling", "v1")


def test_the_aggregated_form_says_group_and_version_of_a_custom_kind(catalog: Catalog) -> None:
    young = replace(GOOSE, version="v1alpha1", subresources=())
    catalog.replace(added=[plain_kind(GOOSE), plain_kind(young)])
    group = plain(discovery.aggregated(catalog, core=False))["items"][-1]
    assert [each["version"] for each in group["versions"]] == ["v1", "v1alpha1"]
    goose = group["versions"][0]["resources"][0]
    kind = {"group": "example.com", "version": "v1", "kind": "Goose"}
    assert goose["responseKind"] == kind
    assert goose["scope"] == "Cluster"
    assert [each["responseKind"] for each in goose["subresources"]] == [
        kind,
        {"group": "autoscaling", "version": "v1", "kind": "Scale"},
    ]
    assert "subresources" not in group["versions"][1]["resources"][0]


def test_clients_learn_the_address() -> None:
    assert discovery.api_versions("10.0.0.1:6443") == {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [
            {"clientCIDR": "0.0.0.0/0", "serverAddress": "10.0.0.1:6443"}
        ],
    }
