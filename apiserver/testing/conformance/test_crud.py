"""Objects are created, read, updated and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.testing.conformance.conformance_client import Api
from apiserver.testing.conformance.sample_objects import config_map


def test_what_is_created_is_there_until_it_is_deleted(
    api: Api, namespace: str, configmaps: str
) -> None:
    created = api.make(configmaps, config_map("a", k="v"))
    metadata = created["metadata"]
    assert metadata["namespace"] == namespace
    assert metadata["uid"]
    assert metadata["creationTimestamp"]
    assert api.read(f"{configmaps}/a") == created
    deleted = api.send("DELETE", f"{configmaps}/a")
    assert deleted.status == 200
    assert deleted.json["details"] == {"name": "a", "kind": "configmaps", "uid": metadata["uid"]}
    absent = api.get(f"{configmaps}/a")
    assert (absent.status, absent.json["reason"]) == (404, "NotFound")
    assert absent.json["message"] == 'configmaps "a" not found'


def test_a_name_is_taken_once(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("one"))
    again = api.send("POST", configmaps, config_map("one"))
    assert (again.status, again.json["reason"]) == (409, "AlreadyExists")


def test_names_are_generated(api: Api, configmaps: str) -> None:
    names = {
        api.make(configmaps, {"metadata": {"generateName": "some-"}})["metadata"]["name"]
        for _ in range(3)
    }
    assert len(names) == 3
    assert all(name.startswith("some-") and len(name) == len("some-") + 5 for name in names)


def test_a_stale_update_is_a_conflict_and_changes_nothing(api: Api, configmaps: str) -> None:
    created = api.make(configmaps, config_map("a", k="1"))
    path = f"{configmaps}/a"
    updated = api.send("PUT", path, created | {"data": {"k": "2"}})
    assert updated.status == 200
    version = updated.json["metadata"]["resourceVersion"]
    assert version != created["metadata"]["resourceVersion"]
    stale = api.send("PUT", path, created | {"data": {"k": "3"}})
    assert (stale.status, stale.json["reason"]) == (409, "Conflict")
    assert api.read(path)["data"] == {"k": "2"}


def test_an_update_without_a_version_overwrites(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("a", k="1"))
    assert api.send("PUT", f"{configmaps}/a", config_map("a", k="2")).json["data"] == {"k": "2"}


def test_an_update_that_changes_nothing_makes_no_version(api: Api, configmaps: str) -> None:
    created = api.make(configmaps, config_map("a", k="1"))
    again = api.send("PUT", f"{configmaps}/a", created).json
    assert again["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"metadata": {"name": "Not a name"}}, "metadata.name"),
        ({"metadata": {"name": "a", "labels": {"-": "x"}}}, "metadata.labels"),
        ({"metadata": {"name": "a"}, "data": {"a/b": "x"}}, "data[a/b]"),
    ],
)
def test_invalid_objects_are_refused_by_field(
    api: Api, configmaps: str, document: Any, field: str
) -> None:
    answer = api.send("POST", configmaps, document)
    assert (answer.status, answer.json["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in answer.json["details"]["causes"]]


def test_nothing_is_created_in_a_namespace_that_is_not_there(api: Api) -> None:
    answer = api.send("POST", "/api/v1/namespaces/nowhere/configmaps", config_map("a"))
    assert answer.status == 404
    assert answer.json["message"] == 'namespaces "nowhere" not found'


def test_what_cannot_change_does_not(api: Api, configmaps: str) -> None:
    made = api.make(configmaps, config_map("a", k="1") | {"immutable": True})
    answer = api.send("PUT", f"{configmaps}/a", made | {"data": {"k": "2"}})
    assert answer.status == 422
    renamed = api.send("PUT", f"{configmaps}/a", config_map("b"))
    assert renamed.status == 400


def test_defaults_are_set(api: Api, namespace: str) -> None:
    service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "clusterIP": "None"}}
    made = api.make(f"/api/v1/namespaces/{namespace}/services", service)
    assert made["spec"]["type"] == "ClusterIP"
    assert made["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
