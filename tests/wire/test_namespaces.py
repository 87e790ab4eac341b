"""Deletion of namespaces, as clients see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.waiting import PATIENCE
from tests.wire.conftest import Api

HOLD = "example.com/hold"


def config_map(name: str, *finalizers: str) -> dict[str, Any]:
    metadata = {"name": name, "finalizers": list(finalizers)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def namespace_object(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}


@asynccontextmanager
async def watched(api: Api, path: str) -> AsyncIterator[AsyncIterator[Any]]:
    """Yield the events of a watch as they come."""
    async with (
        asyncio.timeout(PATIENCE),
        api.session.get(f"{api.url}{path}", headers=api.headers) as response,
    ):

        async def events() -> AsyncIterator[Any]:
            async for line in response.content:
                yield json.loads(line)

        yield events()
        if response.connection is not None and response.connection.transport is not None:
            # Nothing is left to be said, and a polite end would outlive the test.
            response.connection.transport.abort()


async def version(api: Api, path: str) -> str:
    answer = await api.get(path)
    return str(answer.json["metadata"]["resourceVersion"])


async def history(api: Api, name: str, after: str) -> list[Any]:
    """Return what happens to a namespace until it is gone."""
    seen: list[Any] = []
    path = f"/api/v1/namespaces?watch=1&fieldSelector=metadata.name={name}&resourceVersion={after}"
    async with watched(api, path) as events:
        async for event in events:
            seen.append(event)
            if event["type"] == "DELETED":
                return seen
    raise AssertionError(f"the watch ended before the namespace: {seen}")


async def until_condition(api: Api, name: str, condition: str) -> Any:
    """Return a namespace once a condition of its status is True."""
    path = f"/api/v1/namespaces?watch=1&fieldSelector=metadata.name={name}"
    async with watched(api, path) as events:
        async for event in events:
            for each in event["object"]["status"].get("conditions", ()):
                if (each["type"], each["status"]) == (condition, "True"):
                    return event["object"]
    raise AssertionError(f"the watch ended before {condition}")


async def test_a_namespace_goes_with_what_is_in_it(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    await api.post(f"{path}/configmaps", config_map("a"))
    await api.post(f"{path}/pods", POD)
    after = await version(api, path)
    marked = await api.send("DELETE", path)
    assert marked.status == 200
    assert marked.json["status"] == {"phase": "Terminating"}
    assert "deletionTimestamp" in marked.json["metadata"]
    events = await history(api, namespace, after)
    assert [event["type"] for event in events[:-1]] == ["MODIFIED"] * (len(events) - 1)
    assert events[0]["object"] == marked.json
    statuses = {each["status"] for each in events[-1]["object"]["status"]["conditions"]}
    assert statuses == {"False"}
    assert (await api.get(path)).status == 404
    assert (await api.get(f"{path}/configmaps")).json["items"] == []
    assert (await api.get(f"{path}/pods/p")).status == 404
    late = await api.post(f"{path}/configmaps", config_map("late"))
    assert (late.status, late.json["message"]) == (404, f'namespaces "{namespace}" not found')


async def test_pods_are_gone_before_the_rest_is_deleted(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    held = POD | {"metadata": {"name": "p", "finalizers": [HOLD]}}
    assert (await api.post(f"{path}/pods", held)).status == 201
    await api.post(f"{path}/configmaps", config_map("a"))
    after = await version(api, path)
    await api.send("DELETE", path)
    ending = await until_condition(api, namespace, "NamespaceContentRemaining")
    messages = {each["type"]: each["message"] for each in ending["status"]["conditions"]}
    assert messages["NamespaceContentRemaining"] == (
        "Some resources are remaining: pods. has 1 resource instances"
    )
    kept = (await api.get(f"{path}/configmaps/a")).json
    assert "deletionTimestamp" not in kept["metadata"]
    await let_go(api, f"{path}/pods/p")
    assert (await history(api, namespace, after))[-1]["type"] == "DELETED"


async def test_a_namespace_waits_for_the_finalizers_in_it(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    await api.post(f"{path}/configmaps", config_map("held", HOLD))
    await api.post(f"{path}/configmaps", config_map("free"))
    after = await version(api, path)
    await api.send("DELETE", path)
    ending = await until_condition(api, namespace, "NamespaceFinalizersRemaining")
    assert ending["spec"] == {"finalizers": ["kubernetes"]}
    messages = {each["type"]: each["message"] for each in ending["status"]["conditions"]}
    assert messages["NamespaceFinalizersRemaining"] == (
        f"Some content in the namespace has finalizers remaining: {HOLD} in 1 resource instances"
    )
    assert (await api.get(f"{path}/configmaps/free")).status == 404
    await let_go(api, f"{path}/configmaps/held")
    assert (await history(api, namespace, after))[-1]["type"] == "DELETED"


async def test_an_ending_namespace_forbids_creation_and_nothing_else(
    api: Api, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    held = (await api.post(f"{path}/configmaps", config_map("held", HOLD))).json
    after = await version(api, path)
    await api.send("DELETE", path)
    again = await api.send("DELETE", path)
    assert (again.status, again.json["status"]["phase"]) == (200, "Terminating")
    created = await api.post(f"{path}/configmaps", config_map("late"))
    assert (created.status, created.json["reason"]) == (403, "Forbidden")
    assert created.json["details"]["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": f"namespace {namespace} is being terminated",
            "field": "metadata.namespace",
        }
    ]
    taken = await api.post("/api/v1/namespaces", namespace_object(namespace))
    assert (taken.status, taken.json["reason"]) == (409, "AlreadyExists")
    assert taken.json["message"].startswith("object is being deleted: ")
    patch = {"data": {"k": "v"}}
    changed = await api.send(
        "PATCH",
        f"{path}/configmaps/{held['metadata']['name']}",
        patch,
        {"Content-Type": "application/merge-patch+json"},
    )
    assert changed.status == 200
    await let_go(api, f"{path}/configmaps/held")
    assert (await history(api, namespace, after))[-1]["type"] == "DELETED"


async def test_a_namespace_of_the_same_name_begins_anew(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    before = (await api.get(path)).json["metadata"]
    await api.post(f"{path}/configmaps", config_map("a"))
    await api.send("DELETE", path)
    await history(api, namespace, before["resourceVersion"])
    created = await api.post("/api/v1/namespaces", namespace_object(namespace))
    assert created.status == 201
    assert created.json["metadata"]["uid"] != before["uid"]
    assert created.json["status"] == {"phase": "Active"}
    assert (await api.get(f"{path}/configmaps")).json["items"] == []
    assert (await api.post(f"{path}/configmaps", config_map("a"))).status == 201


async def test_a_delete_of_another_namespace_than_was_meant_is_a_conflict(
    api: Api, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    uid = (await api.get(path)).json["metadata"]["uid"]
    refused = await api.send("DELETE", path, {"preconditions": {"uid": "another"}})
    assert refused.status == 409
    assert refused.json["message"] == (
        f'Operation cannot be fulfilled on namespaces "{namespace}": Precondition failed: '
        f"UID in precondition: another, UID in object meta: {uid}"
    )
    assert "deletionTimestamp" not in (await api.get(path)).json["metadata"]


async def test_a_dry_run_ends_nothing(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    shown = await api.send("DELETE", f"{path}?dryRun=All")
    assert shown.json["status"] == {"phase": "Terminating"}
    assert (await api.get(path)).json["status"] == {"phase": "Active"}


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
async def test_the_namespaces_of_the_system_may_not_be_deleted(api: Api, name: str) -> None:
    refused = await api.send("DELETE", f"/api/v1/namespaces/{name}")
    assert refused.status == 403
    assert refused.json["message"] == (
        f'namespaces "{name}" is forbidden: this namespace may not be deleted'
    )


async def test_the_spec_of_a_namespace_may_hold_it_longer(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    found = (await api.get(path)).json
    more = {"finalizers": ["kubernetes", "example.com/more"]}
    assert (await api.send("PUT", f"{path}/finalize", found | {"spec": more})).status == 200
    marked = (await api.send("DELETE", path)).json
    left = await without_ours(api, namespace, marked["metadata"]["resourceVersion"])
    assert left["spec"] == {"finalizers": ["example.com/more"]}
    emptied = await api.send("PUT", f"{path}/finalize", left | {"spec": {}})
    assert (emptied.status, emptied.json["kind"]) == (200, "Namespace")
    assert (await api.get(path)).status == 404


async def without_ours(api: Api, name: str, after: str) -> Any:
    """Return a namespace once the finalizer of its content is gone."""
    path = f"/api/v1/namespaces?watch=1&fieldSelector=metadata.name={name}&resourceVersion={after}"
    async with watched(api, path) as events:
        async for event in events:
            if "kubernetes" not in event["object"]["spec"]["finalizers"]:
                return event["object"]
    raise AssertionError("the watch ended before the content")


async def let_go(api: Api, path: str) -> None:
    """Take the finalizers of an object away."""
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = await api.send("PATCH", path, {"metadata": {"finalizers": None}}, headers)
    assert answer.status == 200, answer.text
