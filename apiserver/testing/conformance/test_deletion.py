"""Finalizers, preconditions and propagation decide about a deletion."""

from __future__ import annotations

import pytest

from apiserver.testing.conformance.conformance_client import MERGE_PATCH, Api
from apiserver.testing.conformance.sample_objects import config_map

FINALIZER = "example.com/finalizer"


def test_finalizers_are_waited_for(api: Api, configmaps: str) -> None:
    document = config_map("a")
    document["metadata"]["finalizers"] = [FINALIZER]
    created = api.make(configmaps, document)
    path = f"{configmaps}/a"
    deleted = api.send("DELETE", path)
    assert deleted.status == 200
    assert deleted.json["metadata"]["deletionTimestamp"]
    found = api.read(path)
    assert found["metadata"]["uid"] == created["metadata"]["uid"]
    added = {"metadata": {"finalizers": [FINALIZER, "example.com/other"]}}
    assert api.send("PATCH", path, added, MERGE_PATCH).status == 422
    api.send("PATCH", path, {"metadata": {"finalizers": None}}, MERGE_PATCH)
    assert api.get(path).status == 404


@pytest.mark.parametrize("name", ["uid", "resourceVersion"])
def test_preconditions_must_hold(api: Api, configmaps: str, name: str) -> None:
    created = api.make(configmaps, config_map("a"))
    path = f"{configmaps}/a"
    other = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {name: "1"}}
    refused = api.send("DELETE", path, other)
    assert (refused.status, refused.json["reason"]) == (409, "Conflict")
    options = other | {"preconditions": {name: created["metadata"][name]}}
    assert api.send("DELETE", path, options).status == 200
    assert api.get(path).status == 404


def test_foreground_deletion_waits_for_the_dependents(api: Api, configmaps: str) -> None:
    document = config_map("a")
    # So that it does not matter whether a garbage collector runs.
    document["metadata"]["finalizers"] = [FINALIZER]
    api.make(configmaps, document)
    deleted = api.send("DELETE", f"{configmaps}/a?propagationPolicy=Foreground")
    assert set(deleted.json["metadata"]["finalizers"]) == {FINALIZER, "foregroundDeletion"}
    api.send("PATCH", f"{configmaps}/a", {"metadata": {"finalizers": None}}, MERGE_PATCH)


def test_other_policies_are_refused(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("a"))
    assert api.send("DELETE", f"{configmaps}/a?propagationPolicy=Some").status in (400, 422)
    assert api.get(f"{configmaps}/a").status == 200


def test_a_collection_is_deleted(api: Api, configmaps: str) -> None:
    for name in "ab":
        api.make(configmaps, config_map(name))
    assert api.send("DELETE", configmaps).status == 200
    for name in "ab":
        assert api.get(f"{configmaps}/{name}").status == 404


def test_nothing_is_created_in_a_namespace_that_is_being_deleted(
    api: Api, namespace: str, configmaps: str
) -> None:
    document = config_map("a")
    document["metadata"]["finalizers"] = [FINALIZER]
    api.make(configmaps, document)
    api.send("DELETE", f"/api/v1/namespaces/{namespace}")
    refused = api.send("POST", configmaps, config_map("b"))
    assert (refused.status, refused.json["reason"]) == (403, "Forbidden")
    assert refused.json["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    api.send("PATCH", f"{configmaps}/a", {"metadata": {"finalizers": None}}, MERGE_PATCH)
