"""The API describes itself in OpenAPI, version 2 and 3."""

from __future__ import annotations

from apiserver.testing.conformance.conformance_client import Api

POD = "io.k8s.api.core.v1.Pod"


def test_version_2_is_one_document(api: Api) -> None:
    document = api.read("/openapi/v2")
    assert document["swagger"] == "2.0"
    assert "spec" in document["definitions"][POD]["properties"]
    assert "/api/v1/namespaces/{namespace}/pods" in document["paths"]


def test_version_3_is_a_document_for_each_group_version(api: Api) -> None:
    paths = api.read("/openapi/v3")["paths"]
    assert {"api/v1", "apis/apps/v1"} <= paths.keys()
    document = api.read(paths["api/v1"]["serverRelativeURL"])
    assert document["openapi"].startswith("3.0")
    pod = document["components"]["schemas"][POD]
    (kind,) = pod["x-kubernetes-group-version-kind"]
    assert kind == {"group": "", "version": "v1", "kind": "Pod"}
    ports = document["components"]["schemas"]["io.k8s.api.core.v1.Container"]["properties"]["ports"]
    assert ports["x-kubernetes-list-map-keys"] == ["containerPort", "protocol"]
