"""CustomResourceDefinitions: kinds come and go while a server runs."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.definitions import crd, with_schema
from tests.operators import certificate, issuer, prometheus
from tests.waiting import PATIENCE
from tests.wire.conftest import Answer, Api

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture
def group() -> str:
    """A group of its own for every test: definitions are in no namespace."""
    return f"g{uuid.uuid4().hex[:8]}.example.com"


def preserving(group: str, plural: str = "foos", kind: str = "Foo", **spec: Any) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return crd(group, plural, kind, with_schema(schema), **spec)


def foo(group: str, name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": f"{group}/v1", "kind": "Foo", "metadata": {"name": name, **metadata}}


async def patch(api: Api, path: str, body: Any) -> Answer:
    return await api.send("PATCH", path, body, MERGE)


async def until(api: Api, path: str, holds: Callable[[Answer], object]) -> Answer:
    """Return what is answered when something holds of it."""
    async with asyncio.timeout(PATIENCE):
        while not holds(answer := await api.get(path)):
            await asyncio.sleep(0.01)
    return answer


def says(type_: str, reason: str) -> Callable[[Answer], bool]:
    def holds(answer: Answer) -> bool:
        conditions = answer.json.get("status", {}).get("conditions") or ()
        return any((each["type"], each.get("reason")) == (type_, reason) for each in conditions)

    return holds


ESTABLISHED = says("Established", "InitialNamesAccepted")


def is_gone(answer: Answer) -> bool:
    return answer.status == 404


async def establish(api: Api, document: dict[str, Any]) -> str:
    """Create a definition and wait until it is established; return its path."""
    answer = await api.post(CRDS, document)
    assert answer.status == 201, answer.text
    path = f"{CRDS}/{document['metadata']['name']}"
    await until(api, path, ESTABLISHED)
    return path


async def test_a_kind_comes_and_goes(api: Api, namespace: str, group: str) -> None:
    path = await establish(api, preserving(group))
    foos = f"/apis/{group}/v1/namespaces/{namespace}/foos"
    await until(api, foos, lambda answer: answer.status == 200)
    assert (await api.post(foos, foo(group, "a"))).status == 201
    assert (await api.get(f"{SERVICES}/v1.{group}")).json["spec"]["versionPriority"] == 100
    deleted = await api.send("DELETE", path)
    assert deleted.status == 200
    assert deleted.json["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    assert says("Terminating", "InstanceDeletionPending")(deleted)
    for each in (path, foos, f"/apis/{group}", f"{SERVICES}/v1.{group}"):
        await until(api, each, is_gone)
    await establish(api, preserving(group))
    listed = await until(api, foos, lambda answer: answer.status == 200)
    assert listed.json["items"] == []


async def test_a_definition_waits_for_its_objects(api: Api, namespace: str, group: str) -> None:
    path = await establish(api, preserving(group))
    foos = f"/apis/{group}/v1/namespaces/{namespace}/foos"
    await until(api, foos, lambda answer: answer.status == 200)
    for name in ("a", "b"):
        held = foo(group, name, finalizers=["example.com/hold"])
        assert (await api.post(foos, held)).status == 201
    assert (await api.send("DELETE", path)).status == 200
    await until(api, path, says("Terminating", "InstanceDeletionInProgress"))
    await until(api, f"{foos}/a", lambda answer: "deletionTimestamp" in answer.json["metadata"])
    refused = await api.post(foos, foo(group, "c"))
    assert refused.status in (403, 405), refused.text
    again = await api.send("DELETE", path)
    assert again.status == 200
    assert again.json["metadata"]["deletionTimestamp"]
    for name in ("a", "b"):
        assert (await api.get(path)).status == 200
        release = {"metadata": {"finalizers": None}}
        assert (await patch(api, f"{foos}/{name}", release)).status == 200
    await until(api, path, is_gone)


@pytest.mark.parametrize("scope", ["Namespaced", "Cluster"])
async def test_objects_of_a_kind_that_is_not_served_go_too(
    api: Api, namespace: str, group: str, scope: str
) -> None:
    path = await establish(api, preserving(group, scope=scope))
    where = f"namespaces/{namespace}/" if scope == "Namespaced" else ""
    foos = f"/apis/{group}/v1/{where}foos"
    await until(api, foos, lambda answer: answer.status == 200)
    assert (await api.post(foos, foo(group, "a"))).status == 201
    versions = [{**preserving(group)["spec"]["versions"][0], "served": False}]
    assert (await patch(api, path, {"spec": {"versions": versions}})).status == 200
    await until(api, foos, is_gone)
    assert (await api.send("DELETE", path)).status == 200
    await until(api, path, is_gone)
    await establish(api, preserving(group, scope=scope))
    listed = await until(api, foos, lambda answer: answer.status == 200)
    assert listed.json["items"] == []


async def test_preconditions_hold_of_a_definition(api: Api, group: str) -> None:
    path = await establish(api, preserving(group))
    uid = (await api.get(path)).json["metadata"]["uid"]
    for preconditions, text in (
        ({"uid": "x"}, f"Precondition failed: UID in precondition: x, UID in object meta: {uid}"),
        ({"resourceVersion": "1"}, "Precondition failed: ResourceVersion in precondition: 1, "),
    ):
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        refused = await api.send("DELETE", path, options)
        assert refused.status == 409
        assert text in refused.json["message"]
    assert (await api.send("DELETE", f"{path}?dryRun=All")).status == 200
    assert "deletionTimestamp" not in (await api.get(path)).json["metadata"]


async def test_an_update_says_what_it_has_seen(api: Api, group: str) -> None:
    path = await establish(api, preserving(group))
    document = (await api.get(path)).json
    document["spec"]["names"]["shortNames"] = ["f"]
    version = document["metadata"].pop("resourceVersion")
    refused = await api.send("PUT", path, document, {"Content-Type": "application/json"})
    assert refused.status == 422
    assert refused.json["details"]["causes"][0]["field"] == "metadata.resourceVersion"
    document["metadata"]["resourceVersion"] = version
    changed = await api.send("PUT", path, document, {"Content-Type": "application/json"})
    assert changed.json["metadata"]["generation"] == 2
    missing = f"{CRDS}/bars.{group}"
    document = {
        **preserving(group, "bars"),
        "metadata": {"name": f"bars.{group}", "resourceVersion": "1"},
    }
    assert (await api.send("PUT", missing, document)).status == 404


@pytest.mark.parametrize("make", [certificate, issuer, prometheus])
async def test_definitions_of_operators_are_served(
    api: Api, namespace: str, group: str, make: Callable[[], dict[str, Any]]
) -> None:
    document = make()
    plural = document["spec"]["names"]["plural"]
    document["spec"]["group"], document["metadata"]["name"] = group, f"{plural}.{group}"
    await establish(api, document)
    path = f"/apis/{group}/v1/namespaces/{namespace}/{plural}"
    await until(api, path, lambda answer: answer.status == 200)
    kind = document["spec"]["names"]["kind"]
    spec = {"secretName": "s", "issuerRef": {"name": "i"}} if kind == "Certificate" else {}
    wanted = {**foo(group, "a"), "kind": kind, "spec": spec}
    answer = await api.post(path, wanted)
    assert answer.status == 201, answer.text
    if kind == "Certificate":
        assert answer.json["spec"]["privateKey"] == {"rotationPolicy": "Always"}
        found = await api.get(f"{path}?fieldSelector=spec.issuerRef.name%3Di")
        assert [each["metadata"]["name"] for each in found.json["items"]] == ["a"]
        refused = await api.post(path, {**wanted, "metadata": {"name": "b"}, "spec": {}})
        assert {each["field"] for each in refused.json["details"]["causes"]} >= {
            "spec.issuerRef", "spec.secretName",
        }  # fmt: skip


async def test_a_large_definition_is_served_soon(api: Api, namespace: str, group: str) -> None:
    document = prometheus(3)
    document["spec"]["group"], document["metadata"]["name"] = group, f"prometheuses.{group}"
    assert len(json.dumps(document)) > 900_000
    began = time.monotonic()
    assert (await api.post(CRDS, document)).status == 201
    path = f"/apis/{group}/v1/namespaces/{namespace}/prometheuses"
    await until(api, path, lambda answer: answer.status == 200)
    # It is a tenth of a second on a quiet machine.
    assert time.monotonic() - began < PATIENCE / 6
