"""Watches report changes, in their order, from a version on."""

from __future__ import annotations

from itertools import islice

from apiserver.testing.conformance.conformance_client import MERGE_PATCH, Api, selecting
from apiserver.testing.conformance.sample_objects import config_map


def version_of(api: Api, path: str) -> str:
    found: str = api.read(path)["metadata"]["resourceVersion"]
    return found


def test_a_watch_yields_what_follows_its_version_in_order(api: Api, configmaps: str) -> None:
    version = version_of(api, configmaps)
    created = api.make(configmaps, config_map("watched"))
    updated = api.send("PUT", f"{configmaps}/watched", created | {"data": {"k": "v"}}).json
    api.send("DELETE", f"{configmaps}/watched")
    query = selecting(watch="1", resourceVersion=version, fieldSelector="metadata.name=watched")
    with api.watch(configmaps + query) as events:
        found = list(islice(events, 3))
    assert [event["type"] for event in found] == ["ADDED", "MODIFIED", "DELETED"]
    assert [event["object"] for event in found[:2]] == [created, updated]
    assert found[2]["object"]["data"] == {"k": "v"}
    versions = [event["object"]["metadata"]["resourceVersion"] for event in found]
    assert len(set(versions)) == 3


def test_changes_arrive_while_one_watches(api: Api, configmaps: str) -> None:
    query = selecting(watch="1", resourceVersion=version_of(api, configmaps), labelSelector="a=b")
    with api.watch(configmaps + query) as events:
        api.make(configmaps, config_map("other"))
        api.make(configmaps, config_map("a", {"a": "b"}))
        assert next(events)["object"]["metadata"]["name"] == "a"


def test_without_a_version_what_exists_comes_first(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("a", {"a": "b"}))
    with api.watch(configmaps + selecting(watch="1", labelSelector="a=b")) as events:
        event = next(events)
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "a")


def test_what_begins_and_ends_to_match_is_added_and_deleted(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("a"))
    version = version_of(api, configmaps)
    for label in ("b", "c"):
        change = {"metadata": {"labels": {"a": label}}}
        api.send("PATCH", f"{configmaps}/a", change, MERGE_PATCH)
    query = selecting(watch="1", resourceVersion=version, labelSelector="a=b")
    with api.watch(configmaps + query) as events:
        assert [event["type"] for event in islice(events, 2)] == ["ADDED", "DELETED"]


def test_a_watch_ends_after_its_timeout(api: Api, configmaps: str) -> None:
    query = selecting(
        watch="1", timeoutSeconds="1", resourceVersion=version_of(api, configmaps),
        labelSelector="none=at-all",
    )  # fmt: skip
    with api.watch(configmaps + query) as events:
        assert list(events) == []


def test_a_version_that_is_none_is_refused(api: Api, configmaps: str) -> None:
    answer = api.get(configmaps + selecting(watch="1", resourceVersion="first"))
    # Some versions answer with the status, some with an event.
    assert answer.status in (200, 400, 500)
    status = answer.json.get("object", answer.json)
    assert status["status"] == "Failure"
