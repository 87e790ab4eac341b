"""Kinds of CustomResourceDefinitions: what a definition declares, over HTTP."""

from __future__ import annotations

import json

import pytest

from tests.unit.server.gadgets import (
    GADGETS,
    GROUP,
    MERGE,
    NAME,
    created,
    define,
    gadget,
    named,
)
from tests.unit.server.in_process import Answer, InProcess

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


pytestmark = pytest.mark.usefixtures("gadgets")


def messages(answer: Answer) -> list[tuple[str, str]]:
    return [(cause["field"], cause["message"]) for cause in answer.body["details"]["causes"]]


async def test_defaults_are_filled_in_and_unknown_fields_pruned(api: InProcess) -> None:
    answer = await api.ask("POST", GADGETS, gadget(spec={"color": "red", "x": 1}, status={}))
    assert (answer.body["spec"], "status" in answer.body) == ({"color": "red", "size": 3}, False)
    assert answer.headers.getall("Warning") == ['299 - "unknown field \\"spec.x\\""']
    assert answer.body["metadata"]["generation"] == 1
    bare = await api.ask("POST", GADGETS, gadget("b"))
    assert "spec" not in bare.body


async def test_errors_come_in_the_order_of_validation(api: InProcess) -> None:
    spec = {
        "size": 10,
        "replicas": -1,
        "tags": ["x", "x"],
        "template": {"apiVersion": "v1", "metadata": {"labels": {"-": "x"}}},
    }
    document = gadget("A", spec=spec)
    answer = await api.ask("POST", GADGETS, document)
    assert answer.status == 422
    fields = [field for field, _ in messages(answer)]
    assert fields == [
        "metadata.name",
        "spec.size",
        ".spec.replicas",
        "spec.template.kind",
        "spec.template.metadata.labels",
        "spec.tags[1]",
    ]


async def test_status_and_spec_are_written_apart(api: InProcess) -> None:
    stored = (await created(api, color="red")).body
    status = {**stored, "spec": {"color": "blue"}, "status": {"ready": False}}
    status["metadata"] = {**stored["metadata"], "labels": {"x": "y"}}
    written = await api.ask("PUT", f"{GADGETS}/a/status", status)
    assert written.body["spec"] == stored["spec"]
    assert written.body["status"] == {"ready": False}
    assert "labels" not in written.body["metadata"]
    assert [
        (entry.get("subresource"), list(entry["fieldsV1"]))
        for entry in written.body["metadata"]["managedFields"]
    ] == [(None, ["f:spec"]), ("status", ["f:status"])]
    assert written.body["metadata"]["generation"] == 1
    patched = await api.ask("PATCH", f"{GADGETS}/a", {"spec": {"size": 4}, "status": None}, MERGE)
    assert patched.body["status"] == {"ready": False}
    assert patched.body["metadata"]["generation"] == 2
    refused = await api.ask("PATCH", f"{GADGETS}/a/status", {"status": {"ready": 1}}, MERGE)
    message = 'Invalid value: "integer": ready in body must be of type boolean: "integer"'
    assert messages(refused) == [("status.ready", message)]


async def test_without_a_status_subresource_the_status_is_like_any_field(api: InProcess) -> None:
    await define(api, named("plains", "Plain", {
        "name": "v1", "storage": True,
        "schema": {
            "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        },
    }))  # fmt: skip
    path = f"/apis/{GROUP}/v1/namespaces/default/plains"
    plain = {**gadget(), "kind": "Plain", "status": {"ready": True}}
    plain["metadata"]["generation"] = 7
    answer = await api.ask("POST", path, plain)
    assert (answer.body["status"], answer.body["metadata"]["generation"]) == ({"ready": True}, 1)
    for patch, generation in (
        ({"status": {"ready": False}}, 2),
        ({"metadata": {"labels": {"a": "b"}}}, 2),
        ({"other": 1}, 3),
    ):
        patched = await api.ask("PATCH", f"{path}/a", patch, MERGE)
        assert patched.body["metadata"]["generation"] == generation
    missing = await api.ask("GET", f"{path}/a/status")
    assert (missing.status, missing.message) == (404, f'plains.{GROUP} "a" not found')


async def test_a_scale_shows_the_declared_fields(api: InProcess) -> None:
    await created(api)
    absent = await api.ask("GET", f"{GADGETS}/a/scale")
    message = 'the spec replicas field ".spec.replicas" does not exist'
    assert (absent.status, absent.message) == (500, f"Internal error occurred: {message}")
    empty = await api.ask("PATCH", f"{GADGETS}/a/scale", {"spec": {}}, MERGE)
    message = 'the spec replicas field ".spec.replicas" cannot be empty'
    assert (empty.status, empty.message) == (400, message)
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}}
    written = await api.ask("PUT", f"{GADGETS}/a/scale", {**scale, "spec": {"replicas": 2}})
    assert written.body["spec"] == {"replicas": 2}
    negative = await api.ask("PUT", f"{GADGETS}/a/scale", {**scale, "spec": {"replicas": -2}})
    assert messages(negative) == [
        (".spec.replicas", "Invalid value: -2: should be a non-negative integer")
    ]
    status = {"status": {"replicas": 1, "selector": "a=b"}}
    await api.ask("PATCH", f"{GADGETS}/a/status", status, MERGE)
    shown = await api.ask("GET", f"{GADGETS}/a/scale")
    assert shown.body["status"] == {"replicas": 1, "selector": "a=b"}


async def test_fields_are_selected_in_lists_and_watches(api: InProcess) -> None:
    await created(api, "a", color="red")
    await created(api, "b", color="blue")
    await created(api, "c")
    for selector, names in (
        ("spec.color=red", ["a"]),
        ("spec.color!=red", ["b", "c"]),
        ("spec.color=", ["c"]),
        ("metadata.namespace=default,metadata.name=b", ["b"]),
    ):
        listed = await api.ask("GET", f"{GADGETS}?fieldSelector={selector}")
        assert [item["metadata"]["name"] for item in listed.body["items"]] == names
    refused = await api.ask("GET", f"{GADGETS}?fieldSelector=spec.size=3")
    assert (refused.status, refused.message) == (400, "field label not supported: spec.size")
    version = (await api.ask("GET", GADGETS)).body["metadata"]["resourceVersion"]
    watch = await api.session.get(
        f"{api.url}{GADGETS}?watch=1&fieldSelector=spec.color%3Dred&resourceVersion={version}"
    )
    await api.ask("PATCH", f"{GADGETS}/b", {"spec": {"color": "red"}}, MERGE)
    await api.ask("PATCH", f"{GADGETS}/b", {"spec": {"color": "green"}}, MERGE)
    events = [json.loads(await watch.content.readline()) for _ in range(2)]
    assert [event["type"] for event in events] == ["ADDED", "DELETED"]
    watch.close()


async def test_a_table_has_the_declared_columns(api: InProcess) -> None:
    await created(api, tags=["x", "y"])
    table = (await api.get(GADGETS, Accept=TABLE)).body
    columns = [(each["name"], each["priority"]) for each in table["columnDefinitions"]]
    assert columns == [("Name", 0), ("Size", 0), ("First", 1)]
    assert table["rows"][0]["cells"] == ["a", 3, "x"]


async def test_requests_are_routed_by_their_verb(api: InProcess) -> None:
    await created(api)
    for method, path, status in (
        ("HEAD", f"{GADGETS}/a", 200),
        ("HEAD", GADGETS, 200),
        ("POST", f"{GADGETS}/b", 201),
        ("GET", f"{GADGETS}/a/status/more", 200),
        ("GET", f"{GADGETS}/a/logs", 404),
        ("PUT", GADGETS, 400),
        ("DELETE", f"{GADGETS}/a/status", 405),
        ("OPTIONS", GADGETS, 405),
    ):
        body = gadget("b") if method == "POST" else None
        answer = await api.ask(method, path, body)
        assert (method, path, answer.status) == (method, path, status)
    elsewhere = await api.ask("POST", f"/apis/{GROUP}/v1/gadgets", gadget("c"))
    assert (elsewhere.status, elsewhere.body) == (404, b"404 page not found\n")
    refused = await api.ask("DELETE", f"{GADGETS}/a/status")
    assert refused.message == f'delete is not supported on resources of kind "{NAME}"'


@pytest.mark.parametrize(
    ("method", "content_type", "accept", "status", "message"),
    [
        ("GET", "", "application/cbor", 406, "only the following media types are accepted: "),
        ("PATCH", "application/cbor", "text/plain", 415, "the body of the request was in an"),
        ("PATCH", MERGE, "text/plain", 406, "only the following media types are accepted: "),
        ("POST", "application/cbor", "", 415, "the body of the request was in an unknown format"),
    ],
)  # fmt: skip
async def test_media_types_are_refused_without_a_route(
    api: InProcess, method: str, content_type: str, accept: str, status: int, message: str
) -> None:
    path = api.url + (GADGETS if method == "POST" else f"{GADGETS}/a")
    headers = {name: value for name, value in
               (("Content-Type", content_type), ("Accept", accept)) if value}  # fmt: skip
    async with api.session.request(method, path, data=b"{}", headers=headers) as response:
        assert response.status == status
        assert (await response.json())["message"].startswith(message)


async def test_a_patch_cannot_change_the_kind_or_the_version(api: InProcess) -> None:
    await created(api)
    patch = {"kind": "Swan", "apiVersion": f"{GROUP}/v9"}
    refused = await api.ask("PATCH", f"{GADGETS}/a", patch, MERGE)
    assert messages(refused) == [
        ("kind", 'Invalid value: "Swan": must be Gadget'),
        ("apiVersion", f'Invalid value: "{GROUP}/v9": must be {GROUP}/v1'),
    ]


async def test_a_cluster_scoped_kind_is_in_no_namespace(api: InProcess) -> None:
    crd = named("orbs", "Orb", {"name": "v1", "storage": True})
    crd["spec"]["scope"] = "Cluster"
    await define(api, crd)
    orb = {"apiVersion": f"{GROUP}/v1", "kind": "Orb", "metadata": {"name": "a"}}
    assert (await api.ask("POST", f"/apis/{GROUP}/v1/orbs", orb)).status == 201
    for path, status in (("orbs/a", 200), ("namespaces/default/orbs", 404)):
        assert (await api.ask("GET", f"/apis/{GROUP}/v1/{path}")).status == status
    refused = await api.ask("GET", f"/apis/{GROUP}/v1/orbs?fieldSelector=metadata.namespace=x")
    assert refused.message == "field label not supported: metadata.namespace"
