"""Conversion webhooks: one kind in two versions, by every verb."""

from __future__ import annotations

import uuid
from typing import Any

from tests.waiting import eventually
from tests.wire.conftest import Answer, Api
from tests.wire.conversions import Kegs
from tests.wire.kegs import (
    ConversionWebhook,
    Review,
    honest,
    keg,
    kegs,
)

MERGE = {"Content-Type": "application/merge-patch+json"}
JSON = {"Content-Type": "application/json-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


async def test_every_verb_works_in_both_versions(cellar: Kegs) -> None:
    api, v2 = cellar.api, cellar.path("v2")
    made = await cellar.make("a", "v2", litres=5)
    # The default is that of the stored version.
    assert made["spec"] == {"litres": 5, "wood": "oak"}
    assert made["metadata"]["managedFields"][0]["apiVersion"] == f"{cellar.group}/v2"
    assert (await cellar.get("a", "v1"))["spec"] == {"size": 5, "wood": "oak"}
    updated = await api.send("PUT", f"{v2}/a", {**made, "spec": {"litres": 6, "wood": "ash"}})
    assert (updated.status, updated.json["metadata"]["generation"]) == (200, 2)
    merged = await api.send("PATCH", f"{v2}/a", {"spec": {"litres": 7}}, MERGE)
    assert merged.json["spec"] == {"litres": 7, "wood": "ash"}
    operation = {"op": "replace", "path": "/spec/litres", "value": 8}
    patched = await api.send("PATCH", f"{v2}/a", [operation], JSON)
    assert patched.json["spec"] == {"litres": 8, "wood": "ash"}
    assert (await cellar.get("a", "v1"))["spec"] == {"size": 8, "wood": "ash"}
    status = await api.send("PATCH", f"{v2}/a/status", {"status": {}}, MERGE)
    assert status.status == 200
    refused = await api.send("PATCH", f"{v2}/a", {"spec": {"litres": 101}}, MERGE)
    assert refused.status == 422
    deleted = await api.send("DELETE", f"{v2}/a")
    assert (deleted.status, deleted.json["status"]) == (200, "Success")
    await cellar.make("b", size=1)
    swept = await api.send("DELETE", v2)
    assert [each["spec"] for each in swept.json["items"]] == [{"litres": 1, "wood": "oak"}]
    assert (await api.get(cellar.path("v1"))).json["items"] == []


async def test_an_update_that_changes_nothing_is_none(cellar: Kegs) -> None:
    made = await cellar.make("a", "v2", litres=5, wood="ash")
    again = await cellar.api.send("PUT", cellar.path("v2", "a"), made)
    assert again.json["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_a_dry_run_asks_and_stores_nothing(cellar: Kegs) -> None:
    body = keg(cellar.group, "a", "v2", litres=5)
    dry = await cellar.api.post(f"{cellar.path('v2')}?dryRun=All", body)
    assert (dry.status, dry.json["spec"]) == (201, {"litres": 5, "wood": "oak"})
    assert cellar.webhook.names == [["a"], ["a"]]
    assert (await cellar.api.get(cellar.path("v1", "a"))).status == 404


async def test_every_page_is_converted_by_one_request_and_once(cellar: Kegs) -> None:
    for name in "abcde":
        await cellar.make(name, size=1)
    assert cellar.webhook.reviews == []
    for _ in range(2):
        names, query = [], "limit=2"
        while query:
            page = (await cellar.api.get(f"{cellar.path('v2')}?{query}")).json
            names += [each["metadata"]["name"] for each in page["items"]]
            assert all(each["spec"] == {"litres": 1, "wood": "oak"} for each in page["items"])
            token = page["metadata"].get("continue")
            query = f"limit=2&continue={token}" if token else ""
        assert names == list("abcde")
    assert cellar.webhook.names == [["a", "b"], ["c", "d"], ["e"]]
    listed = await cellar.api.get(f"{cellar.path('v2')}?fieldSelector=metadata.name%3Db")
    assert [each["apiVersion"] for each in listed.json["items"]] == [f"{cellar.group}/v2"]
    assert len(cellar.webhook.reviews) == 3


async def test_a_webhook_that_converts_one_object_at_a_time_is_enough(cellar: Kegs) -> None:
    def only_one(review: Review) -> Review:
        answer = honest(review)
        del answer["response"]["convertedObjects"][1:]
        return answer

    cellar.webhook.answer = only_one
    for name in "abc":
        await cellar.make(name, size=1)
    listed = await cellar.api.get(cellar.path("v2"))
    assert [each["spec"]["litres"] for each in listed.json["items"]] == [1, 1, 1]
    assert cellar.webhook.names == [["a", "b", "c"], ["a"], ["b"], ["c"]]


async def test_labels_are_those_of_the_served_version(cellar: Kegs) -> None:
    def labelled(review: Review) -> Review:
        answer = honest(review)
        for each in answer["response"]["convertedObjects"]:
            each["metadata"]["labels"] = {"by": "hook"}
        return answer

    cellar.webhook.answer = labelled
    await cellar.make("a", size=1)
    for version, found in (("v1", 0), ("v2", 1)):
        listed = await cellar.api.get(f"{cellar.path(version)}?labelSelector=by%3Dhook")
        assert len(listed.json["items"]) == found


async def test_a_watch_shows_objects_in_its_version(cellar: Kegs) -> None:
    await cellar.make("a", size=1)
    async with cellar.watch("v2") as events:
        assert await events.shown() == ("ADDED", "a", {"litres": 1, "wood": "oak"})
        await cellar.make("b", size=2)
        assert await events.shown() == ("ADDED", "b", {"litres": 2, "wood": "oak"})
        patch = {"spec": {"size": 3}}
        await cellar.api.send("PATCH", cellar.path("v1", "a"), patch, MERGE)
        kind, document = await events.next()
        assert (kind, document["spec"]) == ("MODIFIED", {"litres": 3, "wood": "oak"})
        await cellar.api.send("DELETE", cellar.path("v1", "b"))
        assert await events.shown() == ("DELETED", "b", {"litres": 2, "wood": "oak"})
    version = document["metadata"]["resourceVersion"]
    async with cellar.watch("v2", f"&resourceVersion={version}") as events:
        assert await events.shown() == ("DELETED", "b", {"litres": 2, "wood": "oak"})


async def test_fields_are_owned_across_versions(cellar: Kegs) -> None:
    async def apply(manager: str, version: str, **spec: Any) -> Answer:
        path = f"{cellar.path(version, 'a')}?fieldManager={manager}"
        return await cellar.api.send("PATCH", path, keg(cellar.group, "a", version, **spec), APPLY)

    assert (await apply("one", "v1", size=5)).status == 201
    assert (await apply("two", "v2", litres=5)).status == 200
    conflict = await apply("two", "v2", litres=6)
    assert conflict.status == 409
    (cause,) = conflict.json["details"]["causes"]
    # The field is named as its owner knows it.
    assert (cause["field"], cause["message"]) == (".spec.size", 'conflict with "one"')
    assert (await apply("two", "v2", wood="ash")).json["spec"] == {"litres": 5, "wood": "ash"}
    gone = await apply("one", "v1")
    assert gone.json["spec"] == {"wood": "ash"}


async def test_what_is_stored_in_an_older_version_is_converted(cellar: Kegs) -> None:
    made = await cellar.make("a", size=5)
    versions = kegs(cellar.group, cellar.webhook.conversion, stored="v2")["spec"]["versions"]
    changed = await cellar.change(versions=versions)
    assert changed["status"]["storedVersions"] == ["v1", "v2"]
    await eventually(lambda: _is_stored_in(cellar, "b", "v2"))
    for version, spec in (("v1", {"size": 5}), ("v2", {"litres": 5})):
        assert (await cellar.get("a", version))["spec"] == {**spec, "wood": "oak"}
    # An update that changes nothing stores the object in the new version.
    again = await cellar.api.send("PUT", cellar.path("v1", "a"), await cellar.get("a", "v1"))
    assert again.status == 200, again.text
    assert again.json["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    asked = len(cellar.webhook.reviews)
    await cellar.get("a", "v2")
    assert len(cellar.webhook.reviews) == asked


async def _is_stored_in(cellar: Kegs, name: str, version: str) -> bool:
    """Return whether new kegs are stored in a version: then the webhook is not asked for them."""
    asked = len(cellar.webhook.reviews)
    await cellar.make(name, version, litres=1)
    await cellar.api.send("DELETE", cellar.path(version, name))
    return len(cellar.webhook.reviews) == asked


async def test_another_strategy_takes_effect(cellar: Kegs) -> None:
    await cellar.make("a", size=5)
    assert (await cellar.get("a", "v2"))["spec"]["litres"] == 5
    await cellar.change(conversion={"strategy": "None", "webhook": None})

    async def is_renamed() -> bool:
        return "litres" not in (await cellar.get("a", "v2"))["spec"]

    await eventually(is_renamed)
    asked = len(cellar.webhook.reviews)
    await cellar.change(conversion=cellar.webhook.conversion)

    async def is_converted() -> bool:
        return (await cellar.get("a", "v2"))["spec"].get("litres") == 5

    await eventually(is_converted)
    assert len(cellar.webhook.reviews) == asked + 1


async def test_an_old_webhook_is_asked_in_its_version(
    api: Api, webhook: ConversionWebhook, namespace: str
) -> None:
    cellar = Kegs(api, webhook, namespace)
    old = {**webhook.conversion["webhook"], "conversionReviewVersions": ["v9", "v1beta1", "v1"]}
    await cellar.define(conversion={"webhook": old})
    await cellar.make("a", size=5)
    webhook.answer = lambda review: {"response": honest(review)["response"] | {"uid": "any"}}
    assert (await cellar.get("a", "v2"))["spec"]["litres"] == 5
    assert webhook.reviews[0]["apiVersion"] == "apiextensions.k8s.io/v1beta1"
    await api.send("DELETE", cellar.definition)


async def test_a_policy_reads_its_parameters_in_its_version(cellar: Kegs) -> None:
    api, name = cellar.api, f"p-{uuid.uuid4().hex[:8]}"
    await cellar.make("most", size=5)
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    policies, bindings = (
        f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic{end}"
        for end in ("ies", "ybindings")
    )
    rule = {
        "apiGroups": [cellar.group],
        "apiVersions": ["v2"],
        "operations": ["CREATE"],
        "resources": ["kegs"],
    }
    policy = {
        "paramKind": {"apiVersion": f"{cellar.group}/v2", "kind": "Keg"},
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "object.spec.litres <= params.spec.litres"}],
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
        path = f"{cellar.path('v1')}?dryRun=All"
        return (await api.post(path, keg(cellar.group, "a", size=6))).status == 422

    # The rule is about v2; the webhook converts a request in v1 for it.
    await eventually(is_denied)
    await cellar.make("b", size=4)
    await cellar.make("c", "v2", litres=5)
    for path in (f"{policies}/{name}", f"{bindings}/{name}"):
        assert (await api.send("DELETE", path)).status == 200
