"""Conversion webhooks: one kind in two versions, by every verb, and when the webhook fails."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.waiting import eventually
from tests.wire.conftest import Answer, Api
from tests.wire.kegs import (
    ConversionWebhook,
    Review,
    answered,
    honest,
    keg,
    kegs,
    serving_conversion,
)

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = {"Content-Type": "application/merge-patch+json"}
JSON = {"Content-Type": "application/json-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


@pytest.fixture
async def webhook(tmp_path: Path) -> AsyncIterator[ConversionWebhook]:
    """The webhook of one test."""
    async with serving_conversion(tmp_path) as webhook:
        yield webhook


class Kegs:
    """The kegs of a namespace."""

    def __init__(self, api: Api, webhook: ConversionWebhook, namespace: str) -> None:
        self.api = api
        self.webhook = webhook
        self.group = f"g{uuid.uuid4().hex[:8]}.example.com"
        self.definition = f"{CRDS}/kegs.{self.group}"
        self._namespace = namespace

    def path(self, version: str, name: str = "") -> str:
        """Return the path of the collection, or of a keg."""
        path = f"/apis/{self.group}/{version}/namespaces/{self._namespace}/kegs"
        return f"{path}/{name}" if name else path

    async def define(self, **changes: Any) -> None:
        """Create the definition, and wait until both versions are served."""
        conversion = {**self.webhook.conversion, **changes.pop("conversion", {})}
        document = kegs(self.group, conversion, **changes)
        assert (await self.api.post(CRDS, document)).status == 201
        for version in ("v1", "v2"):
            await eventually(lambda version=version: self._is_served(version))

    async def change(self, **spec: Any) -> dict[str, Any]:
        """Change the definition, and wait until both versions are served as it says."""
        answer = await self.api.send("PATCH", self.definition, {"spec": spec}, MERGE)
        assert answer.status == 200, answer.text
        changed: dict[str, Any] = answer.json
        return changed

    async def make(self, name: str, version: str = "v1", **spec: Any) -> dict[str, Any]:
        """Create a keg."""
        answer = await self.api.post(self.path(version), keg(self.group, name, version, **spec))
        assert answer.status == 201, answer.text
        made: dict[str, Any] = answer.json
        return made

    async def get(self, name: str, version: str) -> Any:
        """Return a keg."""
        answer = await self.api.get(self.path(version, name))
        assert answer.status == 200, answer.text
        assert answer.json["apiVersion"] == f"{self.group}/{version}"
        return answer.json

    @asynccontextmanager
    async def watch(self, version: str, query: str = "") -> AsyncIterator[Events]:
        """Watch the kegs."""
        url = f"{self.api.url}{self.path(version)}?watch=1{query}"
        headers = {"Authorization": self.api.headers["Authorization"]}
        async with self.api.session.get(url, headers=headers) as response:
            assert response.status == 200, await response.text()
            yield Events(response)

    async def _is_served(self, version: str) -> bool:
        return (await self.api.get(self.path(version))).status == 200


class Events:
    """The events of a watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> tuple[str, dict[str, Any]]:
        """Return the type and the object of the next event."""
        event = json.loads(await self._response.content.readline())
        return event["type"], event["object"]

    async def shown(self) -> tuple[str, str, Any]:
        """Return the type of the next event, and the name and the spec of its keg."""
        kind, document = await self.next()
        return kind, document["metadata"]["name"], document["spec"]


@pytest.fixture
async def cellar(api: Api, webhook: ConversionWebhook, namespace: str) -> AsyncIterator[Kegs]:
    """Kegs that are stored in v1."""
    cellar = Kegs(api, webhook, namespace)
    await cellar.define()
    yield cellar
    webhook.open.set()
    webhook.answer = honest
    await api.send("DELETE", cellar.definition)


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


def _changed(**metadata: Any) -> Callable[[Review], Review]:
    def answer(review: Review) -> Review:
        honestly = honest(review)
        for each in honestly["response"]["convertedObjects"]:
            each["metadata"] |= metadata
        return honestly

    return answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            lambda _: web.Response(body=b"<html>", content_type="application/json"),
            "failed: couldn't get version/kind; json parse error: json: cannot unmarshal string "
            'into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
            'Kind string "json:\\"kind,omitempty\\"" }',
        ),
        (
            lambda review: answered(review, [], uid="x"),
            'failed: expected response.uid="UID", got "x"',
        ),
        (lambda review: answered(review, []), "returned 0 objects, expected 1"),
        (_changed(name="b"), "returned invalid object: must have the same name: a != b"),
        (
            lambda review: answered(review, None, result={"status": "Failure", "message": "no"}),
            "failed: no",
        ),
        (
            lambda _: web.Response(status=500, text="broken"),
            'failed: an error on the server ("broken") has prevented the request from succeeding',
        ),
        (
            lambda _: web.Response(status=302, headers={"Location": "/"}),
            "failed: the server responded with the status code 302 but did not return more "
            "information",
        ),
        (
            lambda review: answered(review, ["x" * (9 << 20)]),
            "failed: unexpected error when reading response body. Please retry. Original error: "
            "more than 8388608 bytes",
        ),
    ],
)
async def test_a_wrong_answer_fails_the_request(
    cellar: Kegs, answer: Callable[[Review], Any], message: str
) -> None:
    await cellar.make("a", size=1)
    cellar.webhook.answer = answer
    for path in (cellar.path("v2", "a"), cellar.path("v2")):
        failed = await cellar.api.get(path)
        assert failed.status == 500
        uid = cellar.webhook.reviews[-1]["request"]["uid"]
        expected = f"conversion webhook for {cellar.group}/v1, Kind=Keg {message}"
        assert failed.json == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": expected.replace("UID", uid),
            "code": 500,
        }
    watch = await cellar.api.get(f"{cellar.path('v2')}?watch=1")
    assert (watch.status, watch.headers["Retry-After"]) == (429, "1")
    refused = await cellar.api.send("DELETE", cellar.path("v2", "a"))
    assert refused.status == 500
    assert (await cellar.get("a", "v1"))["spec"]["size"] == 1
    cellar.webhook.answer = honest
    assert (await cellar.get("a", "v2"))["spec"]["litres"] == 1


async def test_a_webhook_that_cannot_be_called_fails_the_request(
    api: Api, webhook: ConversionWebhook, namespace: str
) -> None:
    url = f"https://127.0.0.1:{webhook.port}/convert"
    service = {"namespace": "default", "name": "none", "path": "/convert"}
    for config, message in (
        (
            {"url": url},
            f'Post "{url}?timeout=30s": tls: failed to verify certificate: x509: certificate '
            "signed by unknown authority",
        ),
        (
            {"url": "https://127.0.0.1:1/convert"},
            'Post "https://127.0.0.1:1/convert?timeout=30s": dial tcp 127.0.0.1:1: connect: '
            "connection refused",
        ),
        (
            {"service": service},
            'Post "https://none.default.svc:443/convert?timeout=30s": service "none" not found',
        ),
    ):
        cellar = Kegs(api, webhook, namespace)
        called = {"conversionReviewVersions": ["v1"], "clientConfig": config}
        await cellar.define(conversion={"webhook": called})
        for name in "ab":
            await cellar.make(name, size=1)
        for path in (cellar.path("v2", "a"), cellar.path("v2")):
            failed = await api.get(path)
            assert failed.status == 500
            expected = f"conversion webhook for {cellar.group}/v1, Kind=Keg failed: {message}"
            assert failed.json["message"] == expected
        await api.send("DELETE", cellar.definition)


async def test_a_watch_ends_with_the_error_of_the_webhook(cellar: Kegs) -> None:
    async with cellar.watch("v2") as events:
        cellar.webhook.answer = lambda review: answered(review, [])
        await cellar.make("a", size=1)
        kind, status = await events.next()
    assert (kind, status["code"]) == ("ERROR", 500)
    assert status["message"].endswith("returned 0 objects, expected 1")


async def test_a_webhook_that_hangs_delays_its_own_kind_only(cellar: Kegs, namespace: str) -> None:
    api = cellar.api
    await cellar.make("a", size=1)
    cellar.webhook.open.clear()
    hanging = [asyncio.create_task(api.get(cellar.path("v2", "a"))) for _ in range(20)]
    await eventually(lambda: cellar.webhook.reviews)
    late = await api.get(f"{cellar.path('v2')}?timeout=1s")
    assert late.status == 504
    for path in ("/readyz", f"/apis/{cellar.group}", "/api/v1/namespaces", cellar.path("v1", "a")):
        assert (await api.get(path)).status == 200
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}}
    uid = (await api.post(maps, body)).json["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    owned = {**body, "metadata": {"name": "owned", "ownerReferences": [reference]}}
    assert (await api.post(maps, owned)).status == 201
    assert (await api.send("DELETE", f"{maps}/owner")).status == 200

    async def is_collected() -> bool:
        return (await api.get(f"{maps}/owned")).status == 404

    await eventually(is_collected)
    assert len(cellar.webhook.reviews) == 1
    cellar.webhook.open.set()
    assert {answer.status for answer in await asyncio.gather(*hanging)} == {200}


async def test_owners_and_namespaces_are_looked_after_without_the_webhook(
    cellar: Kegs, namespace: str
) -> None:
    api = cellar.api
    owner = await cellar.make("owner", size=1)
    cellar.webhook.open.clear()
    reference = {
        "apiVersion": f"{cellar.group}/v2",
        "kind": "Keg",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
    }
    owned = keg(cellar.group, "owned", size=2)
    owned["metadata"]["ownerReferences"] = [reference]
    assert (await api.post(cellar.path("v1"), owned)).status == 201
    assert (await api.send("DELETE", cellar.path("v1", "owner"))).status == 200

    async def is_collected() -> bool:
        return (await api.get(cellar.path("v1", "owned"))).status == 404

    await eventually(is_collected)
    await cellar.make("left", size=3)
    assert (await api.send("DELETE", f"/api/v1/namespaces/{namespace}")).status == 200

    async def is_gone() -> bool:
        return (await api.get(f"/api/v1/namespaces/{namespace}")).status == 404

    await eventually(is_gone)
    assert cellar.webhook.reviews == []
