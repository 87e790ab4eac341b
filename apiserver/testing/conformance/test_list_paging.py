"""Lists are read in pages, and at versions."""

from __future__ import annotations

from apiserver.testing.conformance.conformance_client import Api, selecting
from apiserver.testing.conformance.sample_objects import config_map


def names(page: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    return [item["metadata"]["name"] for item in page["items"]]


def test_pages_are_of_one_snapshot(api: Api, configmaps: str) -> None:
    labels, query = {"app": "paged"}, {"labelSelector": "app=paged"}
    for name in "abcd":
        api.make(configmaps, config_map(name, labels))
    first = api.read(configmaps + selecting(limit="2", **query))
    api.make(configmaps, config_map("bb", labels))
    api.send("DELETE", f"{configmaps}/d")
    token = first["metadata"]["continue"]
    second = api.read(configmaps + selecting(limit="5", **query, **{"continue": token}))
    assert names(first) + names(second) == ["a", "b", "c", "d"]
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
    assert "continue" not in second["metadata"]


def test_the_rest_is_counted(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    for name in "abc":
        api.make(path, {"metadata": {"name": name}})
    assert api.read(path + selecting(limit="1"))["metadata"]["remainingItemCount"] == 2


def test_a_list_has_a_kind_and_its_items_have_none(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("a"))
    found = api.read(configmaps)
    assert (found["kind"], found["apiVersion"]) == ("ConfigMapList", "v1")
    assert not any("kind" in item for item in found["items"])


def test_a_list_is_read_at_a_version(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("a", {"app": "old"}))
    version = api.read(configmaps)["metadata"]["resourceVersion"]
    api.make(configmaps, config_map("b", {"app": "old"}))
    query = {"labelSelector": "app=old", "resourceVersion": version}
    exact = api.read(configmaps + selecting(resourceVersionMatch="Exact", **query))
    assert names(exact) == ["a"]
    newer = api.read(configmaps + selecting(resourceVersionMatch="NotOlderThan", **query))
    assert set(names(newer)) <= {"a", "b"}


def test_all_namespaces_are_listed_together(api: Api, namespace: str, configmaps: str) -> None:
    api.make(configmaps, config_map("a", {"app": namespace}))
    found = api.read("/api/v1/configmaps" + selecting(labelSelector=f"app={namespace}"))
    assert [item["metadata"]["namespace"] for item in found["items"]] == [namespace]


def test_tokens_and_options_that_make_no_sense_are_refused(api: Api, configmaps: str) -> None:
    for query in (
        selecting(**{"continue": "token"}),
        selecting(resourceVersionMatch="Exact"),
        selecting(resourceVersion="0", resourceVersionMatch="Exact"),
    ):
        assert api.get(configmaps + query).status in (400, 422), query
