"""Reflectors follow the cache, and report when they have caught up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from apiserver.registry.reflector import Reflector, running_reflectors
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, create, named, registry_in_memory
from tests.waiting import PATIENCE


class SlowTarget:
    """Takes its time with every object."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def put(self, key: tuple[str, str], stored: Stored) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        self.names.append(key[1])

    def remove(self, key: tuple[str, str]) -> None:
        self.names.remove(key[1])

    def flush(self) -> None:
        return


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("n"))
        yield registry


async def test_a_reflector_can_be_waited_for(registry: Registry) -> None:
    await create(registry, CONFIG_MAPS, named("before", "n"))
    target = SlowTarget()
    reflector = Reflector(registry, CONFIG_MAPS, target)
    async with running_reflectors([reflector]), asyncio.timeout(PATIENCE):
        await reflector.wait_until_current()
        assert target.names == ["before"]
        for name in ("a", "b", "c"):
            await create(registry, CONFIG_MAPS, named(name, "n"))
        await registry.store.wait_until_fresh()
        assert target.names != ["before", "a", "b", "c"], "it is slower than the cache"
        await reflector.wait_until_current()
        assert target.names == ["before", "a", "b", "c"]
        await create(registry, NAMESPACES, named("other"))
        await registry.store.wait_until_fresh()
        await reflector.wait_until_current()
