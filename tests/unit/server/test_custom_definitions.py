"""The kinds of CustomResourceDefinitions follow their definitions, over HTTP."""

from __future__ import annotations

import asyncio
import json
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
from tests.unit.server.in_process import InProcess
from tests.waiting import PATIENCE, eventually

APPLY = "application/apply-patch+yaml"


pytestmark = pytest.mark.usefixtures("gadgets")


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
    async with asyncio.timeout(PATIENCE):
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


async def test_what_only_a_webhook_can_convert_is_served_as_it_is_stored(api: InProcess) -> None:
    crd = named("widgets", "Widget", {"name": "v1", "storage": True}, {"name": "v2"})
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1"}}
    crd["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    await define(api, crd)
    widgets = f"/apis/{GROUP}/v1/namespaces/default/widgets"
    widget = {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "a"}}
    assert (await api.ask("POST", widgets, widget)).status == 201
    assert (await api.ask("GET", f"{widgets}/a")).status == 200
    for path in ("", "/a"):
        failed = await api.ask("GET", widgets.replace("v1", "v2") + path)
        assert failed.status == 500
        assert failed.message.startswith(f"conversion webhook for {GROUP}/v1, Kind=Widget failed: ")
    assert (await api.ask("DELETE", f"{widgets}/a")).status == 200
