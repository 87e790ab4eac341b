"""Servers that start on one store at the same time make what every cluster contains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from apiserver.registry.resource import Resource
from apiserver.registry.update import update_object
from apiserver.server.bootstrap import Endpoint, bootstrap
from apiserver.server.endpoint_reconciler import EndpointReconciler
from storage.interface import NO_REQUIREMENTS, Change, Put, Record, Store
from storage.open import open_store
from tests.unit.cluster import registry_over
from tests.unit.server.in_process import server_in_process


class Contested:
    """A store in which somebody else is always a moment earlier, with the same value."""

    def __init__(self, store: Store[bytes]) -> None:
        self._store = store
        self.contested: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(
        self, changes: Sequence[Change[bytes]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        for change in changes:
            if isinstance(change, Put) and change.expected and change.key not in self.contested:
                self.contested.add(change.key)
                await self._store.put(change.key, change.value, expected=change.expected)
        return await self._store.commit(changes, requires=requires)


async def test_another_server_that_is_earlier_is_not_in_the_way() -> None:
    raw = await open_store("memory://")
    store = Contested(raw)
    async with registry_over(store) as registry:
        await bootstrap(registry, Endpoint("10.0.0.1", "192.0.2.1", 6443))
        await bootstrap(registry, Endpoint("10.0.0.1", "192.0.2.1", 6444))
    await raw.close()
    changed = {"/registry/servicecidrs/kubernetes", "/registry/services/specs/default/kubernetes"}
    assert changed <= store.contested


async def test_endpoints_are_written_when_they_change_only(monkeypatch: pytest.MonkeyPatch) -> None:
    updated = []

    async def update(resource: Resource, *arguments: Any) -> Any:
        updated.append(resource.definition.resource)
        return await update_object(resource, *arguments)

    monkeypatch.setattr("apiserver.server.bootstrap.update_object", update)
    raw = await open_store("memory://")
    async with registry_over(raw) as registry:

        async def reconcile(port: int) -> list[str]:
            updated.clear()
            endpoint = Endpoint("10.0.0.1", "192.0.2.1", port)
            await EndpointReconciler(registry, "/registry", endpoint, shared=False).reconcile()
            return [name for name in updated if "endpoint" in name]

        assert await reconcile(6443) == []
        assert await reconcile(6443) == []
        assert await reconcile(6444) == ["endpoints", "endpointslices"]
        assert await reconcile(6444) == []
    await raw.close()


async def test_a_server_whose_admission_denies_everything_starts(tmp_path: Path) -> None:
    async with server_in_process(tmp_path, "--enable-admission-plugins=AlwaysDeny") as server:
        answer = await server.ask("GET", "/api/v1/namespaces")
        assert (answer.status, answer.body["items"]) == (200, [])
        answer = await server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
        assert answer.status == 403
