"""The verbs on one kind, from creation to deletion."""

from __future__ import annotations

import asyncio

from tests.wire.conftest import Api


def config_map(name: str, **data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def test_what_is_created_is_there_until_it_is_deleted(api: Api, namespace: str) -> None:
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    created = await api.post(collection, config_map("a", k="v"))
    assert created.status == 201
    metadata = created.json["metadata"]
    assert metadata["namespace"] == namespace
    assert metadata["uid"]
    assert (await api.get(f"{collection}/a")).json == created.json
    deleted = await api.send("DELETE", f"{collection}/a")
    assert deleted.json["details"] == {"name": "a", "kind": "configmaps", "uid": metadata["uid"]}
    absent = await api.get(f"{collection}/a")
    assert absent.status == 404
    assert absent.json["message"] == 'configmaps "a" not found'


async def test_a_name_is_taken_once(api: Api, namespace: str) -> None:
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    answers = await asyncio.gather(*(api.post(collection, config_map("one")) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


async def test_a_stale_update_is_a_conflict_and_changes_nothing(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/a"
    created = await api.post(path.rpartition("/")[0], config_map("a", k="1"))
    changed = created.json | {"data": {"k": "2"}}
    assert (await api.send("PUT", path, changed)).status == 200
    stale = await api.send("PUT", path, created.json | {"data": {"k": "3"}})
    assert (stale.status, stale.json["reason"]) == (409, "Conflict")
    assert (await api.get(path)).json["data"] == {"k": "2"}


async def test_pages_are_of_one_snapshot(api: Api, namespace: str) -> None:
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in "abcd":
        await api.post(collection, config_map(name))
    first = (await api.get(f"{collection}?limit=2")).json
    await api.post(collection, config_map("bb"))
    await api.send("DELETE", f"{collection}/d")
    token = first["metadata"]["continue"]
    second = (await api.get(f"{collection}?limit=5&continue={token}")).json
    names = [item["metadata"]["name"] for item in first["items"] + second["items"]]
    assert names == ["a", "b", "c", "d"]
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


async def test_a_watch_yields_what_follows_its_version_in_order(api: Api, namespace: str) -> None:
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    version = (await api.get(collection)).json["metadata"]["resourceVersion"]
    created = (await api.post(collection, config_map("a"))).json
    await api.send("PUT", f"{collection}/a", created | {"data": {"k": "v"}})
    await api.send("DELETE", f"{collection}/a")
    events = await api.events(f"{collection}?watch=1&resourceVersion={version}", 3)
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))


async def test_nothing_is_created_in_a_namespace_that_is_not_there(api: Api) -> None:
    answer = await api.post("/api/v1/namespaces/nowhere/configmaps", config_map("a"))
    assert answer.status == 404
    assert answer.json["message"] == 'namespaces "nowhere" not found'


async def test_the_system_is_there_from_the_start(api: Api) -> None:
    for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
        assert (await api.get(f"/api/v1/namespaces/{name}")).status == 200
    service = (await api.get("/api/v1/namespaces/default/services/kubernetes")).json
    assert service["metadata"]["labels"] == {"component": "apiserver", "provider": "kubernetes"}
    assert [port["port"] for port in service["spec"]["ports"]] == [443]
    flow_control = "/apis/flowcontrol.apiserver.k8s.io/v1"
    for name in ("exempt", "catch-all", "global-default"):
        assert (await api.get(f"{flow_control}/flowschemas/{name}")).status == 200
        assert (await api.get(f"{flow_control}/prioritylevelconfigurations/{name}")).status == 200


async def test_every_group_version_has_an_available_api_service(api: Api) -> None:
    groups = (await api.get("/apis")).json["groups"]
    served = {
        f"{version['version']}.{group['name']}"
        for group in groups
        for version in group["versions"]
        if group["name"] != "apiregistration.k8s.io"
    }
    found = (await api.get("/apis/apiregistration.k8s.io/v1/apiservices")).json["items"]
    available = {
        service["metadata"]["name"]
        for service in found
        for condition in service["status"]["conditions"]
        if (condition["type"], condition["status"]) == ("Available", "True")
    }
    assert {"v1.", *served} <= available
