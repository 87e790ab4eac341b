"""Watches that select by name, on every path and in every form that a client may ask for."""

from __future__ import annotations

import pytest

from tests.wire.conftest import Api

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
WATCH_LIST = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"


@pytest.mark.parametrize("accept", ["application/json", PARTIAL, TABLE])
@pytest.mark.parametrize("path", ["", "/watch"])
async def test_a_name_is_watched_in_all_namespaces(
    api: Api, namespace: str, path: str, accept: str
) -> None:
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    version = (await api.get(collection)).json["metadata"]["resourceVersion"]
    for name in ("a", "b", "a"):
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        assert (await api.post(collection, made)).status == 201
        await api.send("DELETE", f"{collection}/a")
    selected = f"?watch=1&resourceVersion={version}&fieldSelector=metadata.name%3Da"
    seen = await api.events(f"/api/v1{path}/configmaps{selected}", 4, accept)
    assert [event["type"] for event in seen] == ["ADDED", "DELETED", "ADDED", "DELETED"]


@pytest.mark.parametrize("selector", ["metadata.name=b", "type=Opaque", "metadata.name!=b"])
async def test_a_watch_of_one_object_takes_no_selector_but_its_name(
    api: Api, namespace: str, selector: str
) -> None:
    path = f"/api/v1/watch/namespaces/{namespace}/secrets/a?fieldSelector={selector}"
    answer = await api.get(path)
    assert answer.status == 400
    assert answer.json["message"] == "fieldSelector metadata.name doesn't match requested name"


@pytest.mark.parametrize("include", ["", "Metadata", "None", "Object"])
async def test_the_row_that_ends_the_initial_events_says_so(
    api: Api, namespace: str, include: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments?watch=1&{WATCH_LIST}"
    (last,) = await api.events(f"{path}&includeObject={include}", 1, TABLE)
    assert last["type"] == "BOOKMARK"
    (row,) = last["object"]["rows"]
    assert row["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert row["cells"][:2] == ["", "0/0"]
