"""A namespace with a webhook that is asked about what happens in it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.unit.client.webhook_server import Webhook, http, make_certificate, running_webhook
from tests.waiting import eventually
from tests.wire.conftest import Answer, Api

CERTIFICATE = make_certificate("127.0.0.1")


def config_map(name: str, **members: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **members}


def answering(**response: Any) -> Callable[[bytes], bytes]:
    """Return the function that answers a review: allowed, unless ``response`` says otherwise."""

    def answer(body: bytes) -> bytes:
        review = json.loads(body)
        given = {"uid": review["request"]["uid"], "allowed": True, **response}
        return http(json.dumps({**review, "request": None, "response": given}).encode())

    return answer


def patching(*operations: dict[str, Any]) -> Callable[[bytes], bytes]:
    patch = b64encode(json.dumps(operations).encode()).decode()
    return answering(patch=patch, patchType="JSONPatch")


class Hooked:
    """A namespace with a webhook that is asked about some of its resources."""

    def __init__(self, api: Api, namespace: str, webhook: Webhook) -> None:
        self.api = api
        self.webhook = webhook
        self.path = f"/api/v1/namespaces/{namespace}"

    async def create(self, document: dict[str, Any], query: str = "") -> Answer:
        plural = f"{document['kind'].lower()}s"
        return await self.api.post(f"{self.path}/{plural}{query}", document)

    @property
    def seen(self) -> list[Any]:
        """The requests that the webhook was asked about."""
        return [json.loads(body)["request"] for _, _, body in self.webhook.requests]


@asynccontextmanager
async def hooked(
    api: Api,
    namespace: str,
    sort: str = "Validating",
    resources: tuple[str, ...] = ("configmaps",),
    **members: Any,
) -> AsyncIterator[Hooked]:
    """Configure a webhook that allows everything; when it is in force the block begins."""
    path = f"/apis/admissionregistration.k8s.io/v1/{sort.lower()}webhookconfigurations"
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"]}
    async with running_webhook(CERTIFICATE, answering()) as webhook:
        hook = {
            "name": "hook.example.com",
            "clientConfig": {
                "url": f"https://127.0.0.1:{webhook.port}/hook",
                "caBundle": b64encode(CERTIFICATE.pem.encode()).decode(),
            },
            "rules": [{**rule, "resources": list(resources)}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            **members,
        }
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{sort}WebhookConfiguration",
            "metadata": {"name": namespace},
            "webhooks": [hook],
        }
        created = await api.post(path, configuration)
        assert created.status == 201, created.text
        place = Hooked(api, namespace, webhook)

        async def asked() -> bool:
            await place.create(config_map("probe"), "?dryRun=All")
            return bool(webhook.requests)

        await eventually(asked)
        webhook.requests.clear()
        try:
            yield place
        finally:
            await api.send("DELETE", f"{path}/{namespace}")
