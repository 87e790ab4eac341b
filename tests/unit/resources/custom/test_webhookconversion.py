"""The webhook of a kind: how its answers are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar, cast

from apiserver.client.webhook import WebhookClient, WebhookClientConfig
from apiserver.resources.custom.webhookconversion import WebhookConverter

R = TypeVar("R")

WEBHOOK: dict[str, Any] = {
    "conversionReviewVersions": ["v1"],
    "clientConfig": {"url": "https://127.0.0.1:1"},
}


class Answering:
    """Converts all objects at once, and notes the sizes of what is read of it."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.read: list[int] = []

    async def post(self, config: WebhookClientConfig, body: bytes, *, timeout: float) -> bytes:
        review = json.loads(body)
        request = review.pop("request")
        objects = [{**each, "apiVersion": "example.com/v2"} for each in request["objects"]]
        result = {"status": "Success"}
        response = {"uid": request["uid"], "result": result, "convertedObjects": objects}
        answer = json.dumps({**review, "response": response}).encode()
        self.sent.append(len(answer))
        return answer

    async def offload(self, size: int, work: Callable[[], R]) -> R:
        self.read.append(size)
        return work()


async def test_answers_are_read_where_their_size_says() -> None:
    client = Answering()
    converter = WebhookConverter(WEBHOOK, cast("WebhookClient", client))
    metadata = {"name": "a", "uid": "u"}
    before = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata}
    documents = [{**before, "spec": {"text": "x" * 1000}}] * 100
    found = [each async for each in converter.convert_batch(documents, "example.com/v2")]
    assert [each["apiVersion"] for each in found] == ["example.com/v2"] * 100
    assert client.read == client.sent
    assert client.read[0] > 100_000
