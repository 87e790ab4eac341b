"""The garbage collector, with kinds that come and go at run time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from apiserver.controllers.controller import Controller
from apiserver.controllers.garbagecollector.collector import GarbageCollector
from apiserver.registry.loopback import controller_client
from tests.unit.server.geese import GROUP, geese
from tests.unit.server.in_process import InProcess
from tests.waiting import eventually

GEESE = f"/apis/{GROUP}/v1/namespaces/default/geese"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(autouse=True)
async def collecting(api: InProcess) -> AsyncIterator[None]:
    client = controller_client(api.server.registry, "test")
    controller = Controller("test", client, GarbageCollector(client), workers=2)
    task = asyncio.create_task(controller.run())
    yield
    task.cancel()
    await asyncio.wait([task])


def owned_by(document: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "apiVersion": document["apiVersion"],
            "kind": document["kind"],
            "name": document["metadata"]["name"],
            "uid": document["metadata"]["uid"],
        }
    ]


async def made(api: InProcess, path: str, name: str, *owners: dict[str, str]) -> dict[str, Any]:
    kind = {"apiVersion": f"{GROUP}/v1", "kind": "Goose"} if path == GEESE else {}
    metadata = {"name": name, "ownerReferences": list(owners)}
    spec = {"spec": {"size": 1}} if kind else {}
    answer = await api.ask("POST", path, {**kind, "metadata": metadata, **spec})
    assert answer.status == 201, answer.body
    document: dict[str, Any] = answer.body
    return document


async def is_gone(api: InProcess, path: str) -> bool:
    return (await api.get(path)).status == 404


async def test_a_kind_of_run_time_owns_and_is_owned(api: InProcess) -> None:
    catalog = api.server.registry.catalog
    catalog.replace(added=geese())
    goose = await made(api, GEESE, "goose")
    config_map = await made(api, CONFIG_MAPS, "a", *owned_by(goose))
    await made(api, GEESE, "gosling", *owned_by(config_map))
    await api.ask("DELETE", f"{GEESE}/goose")
    await eventually(lambda: is_gone(api, f"{CONFIG_MAPS}/a"))
    await eventually(lambda: is_gone(api, f"{GEESE}/gosling"))


async def test_references_to_a_kind_of_run_time_are_removed(api: InProcess) -> None:
    api.server.registry.catalog.replace(added=geese())
    goose = await made(api, GEESE, "goose")
    await made(api, GEESE, "gosling", *owned_by(goose))
    await api.ask("DELETE", f"{GEESE}/goose?propagationPolicy=Orphan")
    await eventually(lambda: is_gone(api, f"{GEESE}/goose"))
    assert "ownerReferences" not in (await api.get(f"{GEESE}/gosling")).body["metadata"]


async def test_what_a_kind_that_has_gone_owns_is_kept_until_it_is_back(api: InProcess) -> None:
    catalog = api.server.registry.catalog
    catalog.replace(added=geese())
    goose = await made(api, GEESE, "goose")
    catalog.replace(removed=[kind.definition for kind in geese()])
    await made(api, CONFIG_MAPS, "a", *owned_by(goose))
    missing = {"apiVersion": "v1", "kind": "ConfigMap", "name": "b", "uid": "none"}
    await made(api, CONFIG_MAPS, "orphan", missing)
    # The collector has seen the one by the time that it has collected the other.
    await eventually(lambda: is_gone(api, f"{CONFIG_MAPS}/orphan"))
    assert not await is_gone(api, f"{CONFIG_MAPS}/a")
    catalog.replace(added=geese())
    await api.ask("DELETE", f"{GEESE}/goose")
    await eventually(lambda: is_gone(api, f"{CONFIG_MAPS}/a"))
