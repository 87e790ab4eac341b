"""Conversion webhooks: one kind in two versions, by every verb."""

from __future__ import annotations

import uuid
from typing import Any

from tests.waiting import eventually
from tests.wire.conftest import Answer, Api
from tests.wire.conversion_webhook import (
    ConversionWebhook,
    Review,
    honest,
    widget,
    widget_definition,
)
from tests.wire.widgets import Widgets

MERGE = {"Content-Type": "application/merge-patch+json"}
JSON = {"Content-Type": "application/json-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


async def test_every_verb_works_in_both_versions(widgets: Widgets) -> None:
    api, v2 = widgets.api, widgets.path("v2")
    made = await widgets.make("a", "v2", width=5)
    # The default is that of the stored version.
    assert made["spec"] == {"width": 5, "color": "red"}
    assert made["metadata"]["managedFields"][0]["apiVersion"] == f"{widgets.group}/v2"
    assert (await widgets.get("a", "v1"))["spec"] == {"size": 5, "color": "red"}
    updated = await api.send("PUT", f"{v2}/a", {**made, "spec": {"width": 6, "color": "blue"}})
    assert (updated.status, updated.json["metadata"]["generation"]) == (200, 2)
    merged = await api.send("PATCH", f"{v2}/a", {"spec": {"width": 7}}, MERGE)
    assert merged.json["spec"] == {"width": 7, "color": "blue"}
    operation = {"op": "replace", "path": "/spec/width", "value": 8}
    patched = await api.send("PATCH", f"{v2}/a", [operation], JSON)
    assert patched.json["spec"] == {"width": 8, "color": "blue"}
    assert (await widgets.get("a", "v1"))["spec"] == {"size": 8, "color": "blue"}
    status = await api.send("PATCH", f"{v2}/a/status", {"status": {}}, MERGE)
    assert status.status == 200
    refused = await api.send("PATCH", f"{v2}/a", {"spec": {"width": 101}}, MERGE)
    assert refused.status == 422
    deleted = await api.send("DELETE", f"{v2}/a")
    assert (deleted.status, deleted.json["status"]) == (200, "Success")
    await widgets.make("b", size=1)
    swept = await api.send("DELETE", v2)
    assert [each["spec"] for each in swept.json["items"]] == [{"width": 1, "color": "red"}]
    assert (await api.get(widgets.path("v1"))).json["items"] == []


async def test_an_update_that_changes_nothing_is_none(widgets: Widgets) -> None:
    made = await widgets.make("a", "v2", width=5, color="blue")
    again = await widgets.api.send("PUT", widgets.path("v2", "a"), made)
    assert again.json["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_a_dry_run_asks_and_stores_nothing(widgets: Widgets) -> None:
    body = widget(widgets.group, "a", "v2", width=5)
    dry = await widgets.api.post(f"{widgets.path('v2')}?dryRun=All", body)
    assert (dry.status, dry.json["spec"]) == (201, {"width": 5, "color": "red"})
    assert widgets.webhook.names == [["a"], ["a"]]
    assert (await widgets.api.get(widgets.path("v1", "a"))).status == 404


async def test_every_page_is_converted_by_one_request_and_once(widgets: Widgets) -> None:
    for name in "abcde":
        await widgets.make(name, size=1)
    assert widgets.webhook.reviews == []
    for _ in range(2):
        names, query = [], "limit=2"
        while query:
            page = (await widgets.api.get(f"{widgets.path('v2')}?{query}")).json
            names += [each["metadata"]["name"] for each in page["items"]]
            assert all(each["spec"] == {"width": 1, "color": "red"} for each in page["items"])
            token = page["metadata"].get("continue")
            query = f"limit=2&continue={token}" if token else ""
        assert names == list("abcde")
    assert widgets.webhook.names == [["a", "b"], ["c", "d"], ["e"]]
    listed = await widgets.api.get(f"{widgets.path('v2')}?fieldSelector=metadata.name%3Db")
    assert [each["apiVersion"] for each in listed.json["items"]] == [f"{widgets.group}/v2"]
    assert len(widgets.webhook.reviews) == 3


async def test_a_webhook_that_converts_one_object_at_a_time_is_enough(widgets: Widgets) -> None:
    def only_one(review: Review) -> Review:
        answer = honest(review)
        del answer["response"]["convertedObjects"][1:]
        return answer

    widgets.webhook.answer = only_one
    for name in "abc":
        await widgets.make(name, size=1)
    listed = await widgets.api.get(widgets.path("v2"))
    assert [each["spec"]["width"] for each in listed.json["items"]] == [1, 1, 1]
    assert widgets.webhook.names == [["a", "b", "c"], ["a"], ["b"], ["c"]]


async def test_labels_are_those_of_the_served_version(widgets: Widgets) -> None:
    def labelled(review: Review) -> Review:
        answer = honest(review)
        for each in answer["response"]["convertedObjects"]:
            each["metadata"]["labels"] = {"by": "hook"}
        return answer

    widgets.webhook.answer = labelled
    await widgets.make("a", size=1)
    for version, found in (("v1", 0), ("v2", 1)):
        listed = await widgets.api.get(f"{widgets.path(version)}?labelSelector=by%3Dhook")
        assert len(listed.json["items"]) == found


async def test_a_watch_shows_objects_in_its_version(widgets: Widgets) -> None:
    await widgets.make("a", size=1)
    async with widgets.watch("v2") as events:
        assert await events.shown() == ("ADDED", "a", {"width": 1, "color": "red"})
        await widgets.make("b", size=2)
        assert await events.shown() == ("ADDED", "b", {"width": 2, "color": "red"})
        patch = {"spec": {"size": 3}}
        await widgets.api.send("PATCH", widgets.path("v1", "a"), patch, MERGE)
        kind, document = await events.next()
        assert (kind, document["spec"]) == ("MODIFIED", {"width": 3, "color": "red"})
        await widgets.api.send("DELETE", widgets.path("v1", "b"))
        assert await events.shown() == ("DELETED", "b", {"width": 2, "color": "red"})
    version = document["metadata"]["resourceVersion"]
    async with widgets.watch("v2", f"&resourceVersion={version}") as events:
        assert await events.shown() == ("DELETED", "b", {"width": 2, "color": "red"})


async def test_fields_are_owned_across_versions(widgets: Widgets) -> None:
    async def apply(manager: str, version: str, **spec: Any) -> Answer:
        path = f"{widgets.path(version, 'a')}?fieldManager={manager}"
        return await widgets.api.send(
            "PATCH", path, widget(widgets.group, "a", version, **spec), APPLY
        )

    assert (await apply("one", "v1", size=5)).status == 201
    assert (await apply("two", "v2", width=5)).status == 200
    conflict = await apply("two", "v2", width=6)
    assert conflict.status == 409
    (cause,) = conflict.json["details"]["causes"]
    # The field is named as its owner knows it.
    assert (cause["field"], cause["message"]) == (".spec.size", 'conflict with "one"')
    assert (await apply("two", "v2", color="blue")).json["spec"] == {"width": 5, "color": "blue"}
    gone = await apply("one", "v1")
    assert gone.json["spec"] == {"color": "blue"}


async def test_what_is_stored_in_an_older_version_is_converted(widgets: Widgets) -> None:
    made = await widgets.make("a", size=5)
    versions = widget_definition(widgets.group, widgets.webhook.conversion, stored="v2")["spec"][
        "versions"
    ]
    changed = await widgets.change(versions=versions)
    assert changed["status"]["storedVersions"] == ["v1", "v2"]
    await eventually(lambda: _is_stored_in(widgets, "b", "v2"))
    for version, spec in (("v1", {"size": 5}), ("v2", {"width": 5})):
        assert (await widgets.get("a", version))["spec"] == {**spec, "color": "red"}
    # An update that changes nothing stores the object in the new version.
    again = await widgets.api.send("PUT", widgets.path("v1", "a"), await widgets.get("a", "v1"))
    assert again.status == 200, again.text
    assert again.json["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    asked = len(widgets.webhook.reviews)
    await widgets.get("a", "v2")
    assert len(widgets.webhook.reviews) == asked


async def _is_stored_in(widgets: Widgets, name: str, version: str) -> bool:
    """Return whether new widgets are stored in a version: the webhook is not asked for them."""
    asked = len(widgets.webhook.reviews)
    await widgets.make(name, version, width=1)
    await widgets.api.send("DELETE", widgets.path(version, name))
    return len(widgets.webhook.reviews) == asked


async def test_another_strategy_takes_effect(widgets: Widgets) -> None:
    await widgets.make("a", size=5)
    assert (await widgets.get("a", "v2"))["spec"]["width"] == 5
    await widgets.change(conversion={"strategy": "None", "webhook": None})

    async def is_renamed() -> bool:
        return "width" not in (await widgets.get("a", "v2"))["spec"]

    await eventually(is_renamed)
    asked = len(widgets.webhook.reviews)
    await widgets.change(conversion=widgets.webhook.conversion)

    async def is_converted() -> bool:
        return (await widgets.get("a", "v2"))["spec"].get("width") == 5

    await eventually(is_converted)
    assert len(widgets.webhook.reviews) == asked + 1


async def test_an_old_webhook_is_asked_in_its_version(
    api: Api, webhook: ConversionWebhook, namespace: str
) -> None:
    widgets = Widgets(api, webhook, namespace)
    old = {**webhook.conversion["webhook"], "conversionReviewVersions": ["v9", "v1beta1", "v1"]}
    await widgets.define(conversion={"webhook": old})
    await widgets.make("a", size=5)
    webhook.answer = lambda review: {"response": honest(review)["response"] | {"uid": "any"}}
    assert (await widgets.get("a", "v2"))["spec"]["width"] == 5
    assert webhook.reviews[0]["apiVersion"] == "apiextensions.k8s.io/v1beta1"
    await api.send("DELETE", widgets.definition)


async def test_a_policy_reads_its_parameters_in_its_version(widgets: Widgets) -> None:
    api, name = widgets.api, f"p-{uuid.uuid4().hex[:8]}"
    await widgets.make("most", size=5)
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    policies, bindings = (
        f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic{end}"
        for end in ("ies", "ybindings")
    )
    rule = {
        "apiGroups": [widgets.group],
        "apiVersions": ["v2"],
        "operations": ["CREATE"],
        "resources": ["widgets"],
    }
    policy = {
        "paramKind": {"apiVersion": f"{widgets.group}/v2", "kind": "Widget"},
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "object.spec.width <= params.spec.width"}],
    }
    body = {**kind, "kind": "ValidatingAdmissionPolicy", "spec": policy}
    assert (await api.post(policies, body)).status == 201
    binding = {
        "policyName": name,
        "paramRef": {"name": "most", "parameterNotFoundAction": "Deny"},
        "validationActions": ["Deny"],
    }
    body = {**kind, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding}
    assert (await api.post(bindings, body)).status == 201

    async def is_denied() -> bool:
        path = f"{widgets.path('v1')}?dryRun=All"
        return (await api.post(path, widget(widgets.group, "a", size=6))).status == 422

    # The rule is about v2; the webhook converts a request in v1 for it.
    await eventually(is_denied)
    await widgets.make("b", size=4)
    await widgets.make("c", "v2", width=5)
    for path in (f"{policies}/{name}", f"{bindings}/{name}"):
        assert (await api.send("DELETE", path)).status == 200
