"""Kinds of CustomResourceDefinitions: what a definition declares, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.server.gadgets import (
    BETA,
    DEFINITIONS,
    GADGETS,
    GROUP,
    MERGE,
    NAME,
    change,
    created,
    define,
    definition,
    gadget,
    named,
)
from tests.unit.server.in_process import Answer, InProcess, server_in_process
from tests.waiting import eventually

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
APPLY = "application/apply-patch+yaml"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with server_in_process(tmp_path) as api:
        await define(api, definition())
        yield api


def two_versions(stored: str = "v1beta1") -> dict[str, Any]:
    """Return a definition whose versions have a member of their own, and one in common."""
    versions = []
    for name, own in (("v1beta1", {"a": {"type": "string"}}), ("v1", {"b": {"type": "string"}})):
        spec = {"type": "object", "properties": {**own, "both": {"type": "string"}}}
        if name == "v1":
            spec["properties"]["b"]["default"] = "new"
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
        versions.append({"name": name, "storage": name == stored, "schema": schema})
    return named("gadgets", "Gadget", *versions)


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


async def test_versions_convert_by_their_names(api: InProcess) -> None:
    await change(api, two_versions())
    await eventually(lambda: api.server.registry.catalog.resource(GROUP, "v1beta1", "gadgets"))
    await api.ask("POST", BETA, gadget(version="v1beta1", spec={"a": "x", "both": "y"}))
    # What is read in another version has no defaults there until it is written.
    assert (await api.ask("GET", f"{GADGETS}/a")).body["spec"] == {"both": "y"}
    assert (await api.ask("GET", f"{BETA}/a")).body["spec"] == {"a": "x", "both": "y"}
    # What is written is stored as v1beta1, which has no member ``b``.
    patched = await api.ask("PATCH", f"{GADGETS}/a", {"spec": {"both": "z"}}, MERGE)
    assert patched.body["spec"] == {"both": "z"}
    (item,) = (await api.ask("GET", BETA)).body["items"]
    assert (item["apiVersion"], item["spec"]) == (f"{GROUP}/v1beta1", {"both": "z"})


async def test_an_object_is_written_back_in_the_version_that_is_stored_now(api: InProcess) -> None:
    await change(api, two_versions())
    catalog = api.server.registry.catalog
    await eventually(lambda: catalog.resource(GROUP, "v1beta1", "gadgets"))
    before = await api.ask("POST", BETA, gadget(version="v1beta1", spec={"both": "y"}))
    await change(api, two_versions(stored="v1"))

    def is_moved() -> bool:
        served = catalog.resource(GROUP, "v1beta1", "gadgets")
        return served is not None and served.storage_kind.version == "v1"

    await eventually(is_moved)
    read = await api.ask("GET", f"{GADGETS}/a")
    assert read.body["spec"] == {"both": "y"}
    # An update that changes nothing migrates the object, and nothing else. In v1beta1 it loses what
    # only v1 has: ``b``, which is a default.
    for path, moved in ((GADGETS, True), (GADGETS, False), (BETA, True), (BETA, False)):
        stored = (await api.ask("GET", f"{path}/a")).body
        written = await api.ask("PUT", f"{path}/a", stored)
        version = written.body["metadata"]["resourceVersion"]
        assert (version != stored["metadata"]["resourceVersion"]) is moved
    raw = await api.server.registry.store.get(f"/registry/{GROUP}/gadgets/default/a")
    assert raw is not None
    assert raw.value.object["apiVersion"] == f"{GROUP}/v1"
    assert raw.revision > int(before.body["metadata"]["resourceVersion"])


async def test_what_is_stored_gets_new_defaults_and_loses_old_fields(api: InProcess) -> None:
    await created(api, color="red")
    new = definition()
    members = new["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    members["properties"] = {"shape": {"type": "string", "default": "round"}}
    new["spec"]["versions"][0]["selectableFields"] = []
    await change(api, new)

    async def is_round() -> bool:
        read = await api.ask("GET", f"{GADGETS}/a")
        return bool(read.body["spec"] == {"shape": "round"})

    await eventually(is_round)
    (item,) = (await api.ask("GET", GADGETS)).body["items"]
    assert item["spec"] == {"shape": "round"}


async def test_only_changes_that_matter_end_watches(api: InProcess) -> None:
    version = (await api.ask("GET", GADGETS)).body["metadata"]["resourceVersion"]
    path = f"{api.url}{GADGETS}?watch=1&resourceVersion={version}"
    watch = await api.session.get(path)
    renamed = definition()
    renamed["spec"]["names"]["shortNames"] = ["gd"]
    await change(api, renamed)
    await eventually(lambda: _served(api).short_names == ("gd",))
    await created(api)
    assert json.loads(await watch.content.readline())["type"] == "ADDED"
    await change(api, definition(additionalPrinterColumns=[]))
    async with asyncio.timeout(30):
        assert await watch.content.readline() == b""
    # What the client has seen was in another form: it has to list again.
    again = await api.session.get(path)
    event = json.loads(await again.content.readline())
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    again.close()


async def test_a_change_that_does_not_concern_the_kind_changes_nothing(api: InProcess) -> None:
    catalog = api.server.registry.catalog
    generation = catalog.generation
    await api.ask("PATCH", f"{DEFINITIONS}/{NAME}", {"metadata": {"labels": {"a": "b"}}}, MERGE)
    await define(api, named("lamps", "Lamp", {"name": "v1", "storage": True}))
    assert catalog.generation == generation + 1


def _served(api: InProcess) -> Any:
    return api.server.registry.catalog.resource(GROUP, "v1", "gadgets")


async def test_deprecated_versions_warn(api: InProcess) -> None:
    await change(api, named(
        "gadgets", "Gadget",
        {"name": "v1alpha1", "deprecated": True, "deprecationWarning": "use something else"},
        {"name": "v1beta1", "deprecated": True},
        {"name": "v1", "storage": True},
        {"name": "v1beta2"},
    ))  # fmt: skip
    await eventually(lambda: api.server.registry.catalog.resource(GROUP, "v1beta1", "gadgets"))
    answer = await api.ask("GET", BETA)
    expected = f"{GROUP}/v1beta1 Gadget is deprecated; use {GROUP}/v1 Gadget"
    assert answer.headers.getall("Warning") == [f'299 - "{expected}"']
    answer = await api.ask("GET", BETA.replace("v1beta1", "v1alpha1"))
    assert answer.headers.getall("Warning") == ['299 - "use something else"']


async def test_nothing_is_created_while_the_definition_is_deleted(api: InProcess) -> None:
    await created(api)
    # The finalizer of the client keeps the object, and thereby the definition.
    held = {"metadata": {"finalizers": ["example.com/held"]}}
    await api.ask("PATCH", f"{GADGETS}/a", held, MERGE)
    await api.ask("DELETE", f"{DEFINITIONS}/{NAME}")
    await eventually(lambda: "create" not in _served(api).verbs)
    refusal = "create not allowed while custom resource definition is terminating"
    for method, path, body, media_type in (
        ("POST", GADGETS, gadget("b"), "application/json"),
        ("PATCH", f"{GADGETS}/b?fieldManager=x", json.dumps(gadget("b")).encode(), APPLY),
    ):
        answer = await api.ask(method, path, body, media_type)
        assert answer.status == 403
        assert answer.message == f'{NAME} "b" is forbidden: {refusal}'
    assert (await api.ask("PATCH", f"{GADGETS}/a", {"spec": {"size": 1}}, MERGE)).status == 200
    listed = (await api.ask("GET", f"/apis/{GROUP}/v1")).body["resources"]
    assert listed[0]["verbs"] == ["delete", "deletecollection", "get", "list", "watch"]


@pytest.mark.parametrize(
    ("finalizer", "advice"),
    [("foo", " to avoid"), ("foo.example.com", " including a path (/) to avoid")],
)
async def test_finalizers_without_a_domain_warn_once(
    api: InProcess, finalizer: str, advice: str
) -> None:
    document = gadget()
    document["metadata"]["finalizers"] = [finalizer]
    answer = await api.ask("POST", GADGETS, document)
    (warning,) = answer.headers.getall("Warning")
    assert f"prefer a domain-qualified finalizer name{advice}" in warning
    patched = await api.ask("PATCH", f"{GADGETS}/a", {"spec": {"size": 1}}, MERGE)
    assert "Warning" not in patched.headers


async def test_a_definition_is_served_once_its_names_are_accepted(api: InProcess) -> None:
    crd = named("lamps", "Gadget", {"name": "v1", "storage": True}, {"name": "v2", "served": False})
    assert (await api.ask("POST", DEFINITIONS, crd)).status == 201
    await define(api, named("bulbs", "Bulb", {"name": "v1", "storage": True}))
    lamps = f"/apis/{GROUP}/v1/lamps"
    assert (await api.ask("GET", lamps)).body == b"404 page not found\n"
    crd["spec"]["names"] |= {"kind": "Lamp", "listKind": "LampList", "singular": "lamp"}
    await change(api, crd)

    async def is_served() -> bool:
        return (await api.ask("GET", lamps)).status == 200

    await eventually(is_served)
    assert (await api.ask("GET", lamps.replace("v1", "v2"))).status == 404


async def test_a_group_of_built_in_kinds_is_closed(api: InProcess) -> None:
    crd = named("lamps", "Lamp", {"name": "v1", "storage": True})
    catalog = api.server.registry.catalog
    crd["spec"]["group"] = "networking.k8s.io"
    crd["metadata"] = {
        "name": "lamps.networking.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "https://example.com"},
    }
    assert (await api.ask("POST", DEFINITIONS, crd)).status == 201
    other = named("bulbs", "Bulb", {"name": "v1", "storage": True})
    await define(api, other)
    assert catalog.resource("networking.k8s.io", "v1", "lamps") is None
    answer = await api.ask("GET", "/apis/networking.k8s.io/v1/lamps")
    assert answer.message == "the server could not find the requested resource"


async def test_openapi_shows_a_kind_at_once(api: InProcess) -> None:
    before = await api.ask("GET", "/openapi/v3")
    await define(api, named("lamps", "Lamp", {"name": "v3", "storage": True}))
    # All of this may happen in the second of the first answer.
    date = before.headers["Last-Modified"]
    async with api.session.get(
        f"{api.url}/openapi/v3", headers={"If-Modified-Since": date}
    ) as response:
        assert response.status == 200
        paths = json.loads(await response.read())["paths"]
    known = json.loads(before.body)["paths"]
    changed = [name for name, url in paths.items() if url != known.get(name)]
    assert changed == [f"apis/{GROUP}/v3"]
    path = paths[f"apis/{GROUP}/v1"]["serverRelativeURL"]
    document = (await api.ask("GET", path)).body
    schema = document["components"]["schemas"]["com.example.things.v1.Gadget"]
    assert schema["description"] == "A gadget."
    assert schema["properties"]["spec"]["properties"]["size"]["default"] == 3
    assert schema["x-kubernetes-selectable-fields"] == [{"fieldPath": "spec.color"}]
    embedded = schema["properties"]["spec"]["properties"]["template"]
    assert embedded["required"] == ["kind", "apiVersion"]
    assert document["info"]["title"] == "Kubernetes CRD Swagger"
    collection = f"/apis/{GROUP}/v1/namespaces/{{namespace}}/gadgets"
    item = f"{collection}/{{name}}"
    assert {item, f"{item}/status", f"{item}/scale"} < document["paths"].keys()
    scale = document["paths"][f"{item}/scale"]["get"]
    own = {"group": GROUP, "version": "v1", "kind": "Gadget"}
    assert scale["x-kubernetes-group-version-kind"] == own
    assert "name of the Gadget" in json.dumps(document["paths"][f"{item}/scale"]["parameters"])
    model = scale["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert model.endswith("autoscaling.v1.Scale")
    assert document["paths"][collection]["get"]["description"] == "list objects of kind Gadget"
    patch = document["paths"][item]["patch"]
    assert patch["responses"].keys() == {"200", "401"}
    parameters = [each["name"] for each in document["paths"][item]["get"]["parameters"]]
    assert parameters == ["resourceVersion"]
    assert "requestBody" not in document["paths"][collection]["delete"]


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


async def test_what_only_a_webhook_can_convert_is_served_as_it_is_stored(api: InProcess) -> None:
    crd = named("kegs", "Keg", {"name": "v1", "storage": True}, {"name": "v2"})
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1"}}
    crd["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    await define(api, crd)
    kegs = f"/apis/{GROUP}/v1/namespaces/default/kegs"
    keg = {"apiVersion": f"{GROUP}/v1", "kind": "Keg", "metadata": {"name": "a"}}
    assert (await api.ask("POST", kegs, keg)).status == 201
    assert (await api.ask("GET", f"{kegs}/a")).status == 200
    for path in ("", "/a"):
        failed = await api.ask("GET", kegs.replace("v1", "v2") + path)
        assert failed.status == 500
        assert failed.message.startswith(f"conversion webhook for {GROUP}/v1, Kind=Keg failed: ")
    assert (await api.ask("DELETE", f"{kegs}/a")).status == 200
