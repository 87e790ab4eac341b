"""What is remembered of owners that are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from apiserver.controllers.garbagecollector.graph import Graph, OwnerReference
from apiserver.controllers.garbagecollector.owners import MAX_ABSENT, OwnerFinder
from apiserver.machinery.objects import Object
from apiserver.registry.loopback import controller_client
from apiserver.registry.registry import Registry
from storage.interface import ABSENT, Put
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, create, named, registry_in_memory


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("n"))
        yield registry


async def deleted_and_restored(registry: Registry, finder: OwnerFinder) -> tuple[bool, bool]:
    """Return whether an owner is found when it is gone, and when it has come back."""
    owner: Object = await create(registry, CONFIG_MAPS, named("owner", "n"))
    uid = owner["metadata"]["uid"]
    reference = OwnerReference("v1", "ConfigMap", "owner", uid)

    async def is_found() -> bool:
        states, _ = await finder.states_of(Graph(), "n", (reference,))
        return not states.dangling

    resource = registry.resource(*CONFIG_MAPS)
    assert resource is not None
    record = await registry.store.get(resource.key("n", "owner"))
    assert record is not None
    await registry.store.delete(record.key, expected=record.revision)
    gone = await is_found()
    await registry.store.commit([Put(record.key, record.value, ABSENT)])
    return gone, await is_found()


async def test_an_owner_that_is_gone_stays_gone(registry: Registry) -> None:
    finder = OwnerFinder(controller_client(registry, "tests"), MAX_ABSENT)
    assert await deleted_and_restored(registry, finder) == (False, False)


async def test_where_uids_recur_every_owner_is_looked_up(registry: Registry) -> None:
    finder = OwnerFinder(controller_client(registry, "tests"), 0)
    assert await deleted_and_restored(registry, finder) == (False, True)
