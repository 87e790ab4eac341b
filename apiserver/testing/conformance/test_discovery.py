"""Clients discover the resources."""

from __future__ import annotations

import pytest

from apiserver.testing.conformance.conformance_client import Api

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def test_the_version_is_told(api: Api) -> None:
    version = api.read("/version")
    assert version["major"] == "1"
    assert version["gitVersion"].startswith("v1.")


def test_groups_and_versions_are_listed(api: Api) -> None:
    assert "v1" in api.read("/api")["versions"]
    groups = {group["name"]: group for group in api.read("/apis")["groups"]}
    assert {"apps", "batch", "networking.k8s.io", "rbac.authorization.k8s.io"} <= groups.keys()
    assert groups["apps"]["preferredVersion"]["groupVersion"] == "apps/v1"
    assert api.read("/apis/apps")["versions"] == groups["apps"]["versions"]


def test_resources_are_listed(api: Api) -> None:
    found = api.read("/api/v1")
    assert (found["kind"], found["groupVersion"]) == ("APIResourceList", "v1")
    resources = {each["name"]: each for each in found["resources"]}
    pods = resources["pods"]
    assert (pods["kind"], pods["namespaced"]) == ("Pod", True)
    assert pods["shortNames"] == ["po"]
    verbs = "create delete deletecollection get list patch update watch"
    assert sorted(pods["verbs"]) == verbs.split()
    assert not resources["nodes"]["namespaced"]
    assert "pods/status" in resources


def test_discovery_is_aggregated(api: Api) -> None:
    answer = api.get("/apis", accept=AGGREGATED)
    found = answer.json
    if found["kind"] == "APIGroupList":
        pytest.skip("discovery is not aggregated in version v2")
    (apps,) = [group for group in found["items"] if group["metadata"]["name"] == "apps"]
    resources = {each["resource"]: each for each in apps["versions"][0]["resources"]}
    assert resources["deployments"]["responseKind"]["kind"] == "Deployment"
    subresources = {each["subresource"] for each in resources["deployments"]["subresources"]}
    assert subresources == {"scale", "status"}
    assert answer.headers["ETag"]


def test_unknown_groups_and_resources_are_not_found(api: Api) -> None:
    for path in ("/apis/nothing.example.com", "/apis/apps/v1/nothing", "/api/v1/nothing"):
        assert api.get(path).status == 404


def test_health_is_told(api: Api) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        answer = api.get(path, accept="*/*")
        assert (answer.status, answer.body) == (200, b"ok")
