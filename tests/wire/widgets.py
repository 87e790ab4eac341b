"""Widgets of a namespace, whose versions a webhook converts."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.waiting import eventually
from tests.wire.conversion_webhook import ConversionWebhook, widget, widget_definition

if TYPE_CHECKING:
    from tests.wire.conftest import Api

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = {"Content-Type": "application/merge-patch+json"}


class Widgets:
    """The widgets of a namespace."""

    def __init__(self, api: Api, webhook: ConversionWebhook, namespace: str) -> None:
        self.api = api
        self.webhook = webhook
        self.group = f"g{uuid.uuid4().hex[:8]}.example.com"
        self.definition = f"{CRDS}/widgets.{self.group}"
        self._namespace = namespace

    def path(self, version: str, name: str = "") -> str:
        """Return the path of the collection, or of a widget."""
        path = f"/apis/{self.group}/{version}/namespaces/{self._namespace}/widgets"
        return f"{path}/{name}" if name else path

    async def define(self, **changes: Any) -> None:
        """Create the definition, and wait until both versions are served."""
        conversion = {**self.webhook.conversion, **changes.pop("conversion", {})}
        document = widget_definition(self.group, conversion, **changes)
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
        """Create a widget."""
        answer = await self.api.post(self.path(version), widget(self.group, name, version, **spec))
        assert answer.status == 201, answer.text
        made: dict[str, Any] = answer.json
        return made

    async def get(self, name: str, version: str) -> Any:
        """Return a widget."""
        answer = await self.api.get(self.path(version, name))
        assert answer.status == 200, answer.text
        assert answer.json["apiVersion"] == f"{self.group}/{version}"
        return answer.json

    @asynccontextmanager
    async def watch(self, version: str, query: str = "") -> AsyncIterator[Events]:
        """Watch the widgets."""
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
        """Return the type of the next event, and the name and the spec of its widget."""
        kind, document = await self.next()
        return kind, document["metadata"]["name"], document["spec"]
