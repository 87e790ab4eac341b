"""Webhooks with scripted responses, which record their requests."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import Any

import pytest

from apiserver.access.admission.chain import (
    CREATE,
    DELETE,
    AdmissionAttributes,
    AdmissionChain,
)
from apiserver.access.admission.plugins.mutating_admission_webhook import MutatingAdmissionWebhook
from apiserver.access.admission.plugins.validating_admission_webhook import (
    ValidatingAdmissionWebhook,
)
from apiserver.access.admission.webhook_calls import WebhookDependencies
from apiserver.access.admission.webhooks import WebhookConfigurations
from apiserver.access.authorization.modes import AlwaysAllow
from apiserver.client.webhook import WebhookClientConfig
from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.options import DeleteOptions, WriteOptions
from apiserver.machinery.users import UserInfo
from tests.unit.access.admission.admitting import Objects, Versions, in_thread

MAPS, MAP = GroupVersionResource("", "v1", "configmaps"), GroupVersionKind("", "v1", "ConfigMap")
MUTATING, VALIDATING = "mutating", "validating"


class Webhooks:
    """Webhooks by name, and what they were asked."""

    def __init__(self, sort: str, **answers: Any) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers
        self.running = 0
        self.together = 0
        versions, authorizer = Versions(), AlwaysAllow()
        self.configurations = WebhookConfigurations(versions)
        dependencies: Any = WebhookDependencies(self, versions, authorizer, in_thread)  # type: ignore[arg-type]
        plugin = {MUTATING: MutatingAdmissionWebhook, VALIDATING: ValidatingAdmissionWebhook}[sort]
        self.chain = AdmissionChain([plugin(self.configurations, dependencies)])

    def configure(self, name: str, *hooks: dict[str, Any]) -> None:
        self.configurations.put({"metadata": {"name": name}, "webhooks": list(hooks)})
        self.configurations.flush()

    async def post(self, config: WebhookClientConfig, body: bytes, *, timeout: float) -> bytes:
        review = json.loads(body)
        name = config.url.rpartition("/")[2]
        self.asked.append((name, review["request"] | {"timeout": timeout}))
        self.running += 1
        self.together = max(self.together, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        answer = self._answers.get(name, {})
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(review["request"])
        if isinstance(answer, bytes):
            return answer
        response = {"uid": review["request"]["uid"], "allowed": True, **answer}
        return json.dumps({**review, "request": None, "response": response}).encode()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


def hook(name: str, **members: Any) -> dict[str, Any]:
    anything = {key: ["*"] for key in ("operations", "apiGroups", "apiVersions", "resources")}
    return {
        "name": f"{name}.example.com",
        "clientConfig": {"url": f"https://127.0.0.1/{name}"},
        "rules": [anything],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 7,
        **members,
    }


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    text = b64encode(json.dumps(operations).encode()).decode()
    return {"patch": text, "patchType": "JSONPatch"}


def label(name: str) -> dict[str, Any]:
    return patch({"op": "add", "path": f"/metadata/labels/{name}", "value": "1"})


def write(operation: str = CREATE, **members: Any) -> AdmissionAttributes:
    document = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a", "labels": {}}}
    objects = {"object": None, "old_object": document} if operation == DELETE else {}
    options = DeleteOptions() if operation == DELETE else WriteOptions()
    user = UserInfo("u", extra={"scopes": ["x"]})
    given = {"object": document, "namespace": "ns", "name": "a", "options": options}
    return AdmissionAttributes(operation, user, MAP, MAPS, **(given | objects | members))


async def denied(webhooks: Webhooks, attributes: AdmissionAttributes | None = None) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await admitted(webhooks, attributes or write())
    return caught.value


async def admitted(webhooks: Webhooks, attributes: AdmissionAttributes) -> None:
    await webhooks.chain.mutate(attributes, Objects())
    await webhooks.chain.validate(attributes, Objects())
