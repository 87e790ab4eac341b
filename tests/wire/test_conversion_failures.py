"""Conversion webhooks that fail, hang, or answer what they may not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from tests.waiting import eventually
from tests.wire.conftest import Api
from tests.wire.conversion_webhook import (
    ConversionWebhook,
    Review,
    answered,
    honest,
    widget,
)
from tests.wire.widgets import Widgets


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
    widgets: Widgets, answer: Callable[[Review], Any], message: str
) -> None:
    await widgets.make("a", size=1)
    widgets.webhook.answer = answer
    for path in (widgets.path("v2", "a"), widgets.path("v2")):
        failed = await widgets.api.get(path)
        assert failed.status == 500
        uid = widgets.webhook.reviews[-1]["request"]["uid"]
        expected = f"conversion webhook for {widgets.group}/v1, Kind=Widget {message}"
        assert failed.json == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": expected.replace("UID", uid),
            "code": 500,
        }
    watch = await widgets.api.get(f"{widgets.path('v2')}?watch=1")
    assert (watch.status, watch.headers["Retry-After"]) == (429, "1")
    refused = await widgets.api.send("DELETE", widgets.path("v2", "a"))
    assert refused.status == 500
    assert (await widgets.get("a", "v1"))["spec"]["size"] == 1
    widgets.webhook.answer = honest
    assert (await widgets.get("a", "v2"))["spec"]["width"] == 1


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
        widgets = Widgets(api, webhook, namespace)
        called = {"conversionReviewVersions": ["v1"], "clientConfig": config}
        await widgets.define(conversion={"webhook": called})
        for name in "ab":
            await widgets.make(name, size=1)
        for path in (widgets.path("v2", "a"), widgets.path("v2")):
            failed = await api.get(path)
            assert failed.status == 500
            expected = f"conversion webhook for {widgets.group}/v1, Kind=Widget failed: {message}"
            assert failed.json["message"] == expected
        await api.send("DELETE", widgets.definition)


async def test_a_watch_ends_with_the_error_of_the_webhook(widgets: Widgets) -> None:
    async with widgets.watch("v2") as events:
        widgets.webhook.answer = lambda review: answered(review, [])
        await widgets.make("a", size=1)
        kind, status = await events.next()
    assert (kind, status["code"]) == ("ERROR", 500)
    assert status["message"].endswith("returned 0 objects, expected 1")


async def test_a_webhook_that_hangs_delays_its_own_kind_only(
    widgets: Widgets, namespace: str
) -> None:
    api = widgets.api
    await widgets.make("a", size=1)
    widgets.webhook.open.clear()
    hanging = [asyncio.create_task(api.get(widgets.path("v2", "a"))) for _ in range(20)]
    await eventually(lambda: widgets.webhook.reviews)
    late = await api.get(f"{widgets.path('v2')}?timeout=1s")
    assert late.status == 504
    for path in (
        "/readyz",
        f"/apis/{widgets.group}",
        "/api/v1/namespaces",
        widgets.path("v1", "a"),
    ):
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
    assert len(widgets.webhook.reviews) == 1
    widgets.webhook.open.set()
    assert {answer.status for answer in await asyncio.gather(*hanging)} == {200}


async def test_owners_and_namespaces_are_looked_after_without_the_webhook(
    widgets: Widgets, namespace: str
) -> None:
    api = widgets.api
    owner = await widgets.make("owner", size=1)
    widgets.webhook.open.clear()
    reference = {
        "apiVersion": f"{widgets.group}/v2",
        "kind": "Widget",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
    }
    owned = widget(widgets.group, "owned", size=2)
    owned["metadata"]["ownerReferences"] = [reference]
    assert (await api.post(widgets.path("v1"), owned)).status == 201
    assert (await api.send("DELETE", widgets.path("v1", "owner"))).status == 200

    async def is_collected() -> bool:
        return (await api.get(widgets.path("v1", "owned"))).status == 404

    await eventually(is_collected)
    await widgets.make("left", size=3)
    assert (await api.send("DELETE", f"/api/v1/namespaces/{namespace}")).status == 200

    async def is_gone() -> bool:
        return (await api.get(f"/api/v1/namespaces/{namespace}")).status == 404

    await eventually(is_gone)
    assert widgets.webhook.reviews == []
