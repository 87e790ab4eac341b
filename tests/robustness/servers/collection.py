"""A server under test, and a collection of ConfigMaps on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.robustness.servers.http import (
    MERGE_PATCH,
    Api,
)
from tests.robustness.servers.runs import make_namespace
from tests.server_process import ServerProcess

WATCH = "?watch=1&timeoutSeconds=3600"


@dataclass(frozen=True)
class Collection:
    """A server, a connection to it, and a collection of ConfigMaps in a namespace of its own."""

    server: ServerProcess
    api: Api
    path: str

    @property
    def watch(self) -> str:
        """The path of a watch of the collection."""
        return self.path + WATCH

    async def make(self, name: str, size: int) -> None:
        """Create a ConfigMap with so much in it."""
        document = {"metadata": {"name": name}, "data": {"text": "x" * size}}
        answer = await self.api.send("POST", self.path, document)
        assert answer.status == 201, answer

    async def change(self, name: str, number: int) -> None:
        """Label a ConfigMap with a number."""
        patch = {"metadata": {"labels": {"number": str(number)}}}
        answer = await self.api.send("PATCH", f"{self.path}/{name}", patch, media_type=MERGE_PATCH)
        assert answer.status == 200, answer


@asynccontextmanager
async def collection_on(server: ServerProcess) -> AsyncIterator[Collection]:
    namespace = await make_namespace(server.url)
    api = Api.at(server.url)
    yield Collection(server, api, f"/api/v1/namespaces/{namespace}/configmaps")
    api.close()
