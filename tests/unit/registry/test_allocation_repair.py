"""What is taken and what the Services have are brought together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from apiserver.machinery.times import Clock
from apiserver.registry import allocating
from apiserver.registry.allocation_repair import GRACE_SECONDS, ServiceAllocations
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored
from apiserver.resources.builtin.core.services.allocation import IP_ADDRESSES, ip_address_of
from storage.interface import ABSENT
from tests.unit.cluster import NAMESPACES, create, named, registry_in_memory
from tests.unit.registry.test_allocating import PORTS_KEY, SERVICES, service, taken

PORTS = range(30000, 32768)


class ClockOfTest(Clock):
    seconds = 1000.0

    def time(self) -> float:
        return self.seconds


@asynccontextmanager
async def cluster() -> AsyncIterator[tuple[Registry, ServiceAllocations, ClockOfTest]]:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("default"))
        clock = ClockOfTest()
        yield registry, ServiceAllocations(registry, clock), clock


async def test_what_a_service_has_is_noted() -> None:
    async with cluster() as (registry, allocations, _):
        await create(registry, SERVICES, service("a", type="NodePort"))
        before = await taken(registry)
        resource = registry.resource(*IP_ADDRESSES)
        assert resource is not None
        for key in (resource.key("", before[0][0]), PORTS_KEY):
            record = await registry.store.get(key)
            assert record is not None
            await registry.store.delete(key, expected=record.revision)
        assert await taken(registry) == ([], 0)
        await allocations.repair()
        assert await taken(registry) == before


async def test_what_no_service_has_is_freed_after_a_grace() -> None:
    async with cluster() as (registry, allocations, clock):
        made = await create(registry, SERVICES, service("a", type="NodePort"))
        own = await taken(registry)
        address = ip_address_of(named("gone", "default"), "10.0.0.9")
        resource = registry.resource(*IP_ADDRESSES)
        assert resource is not None
        key = resource.key("", "10.0.0.9")
        await registry.store.put(key, Stored.to_write(address), expected=ABSENT)
        port = made["spec"]["ports"][0]["nodePort"]
        bits = allocating.mask_of({port, 30007}, PORTS)
        record = await registry.store.get(PORTS_KEY)
        assert record is not None
        value = Stored.to_write(allocating.range_allocation(bits, PORTS))
        await registry.store.put(PORTS_KEY, value, expected=record.revision)
        for seconds in (0, GRACE_SECONDS - 1):
            clock.seconds += seconds
            await registry.store.wait_until_fresh()
            await allocations.repair()
            assert await taken(registry) == (sorted({*own[0], "10.0.0.9"}), 2)
        clock.seconds += 1
        await allocations.repair()
        assert await taken(registry) == own


async def test_addresses_that_others_keep_stay() -> None:
    async with cluster() as (registry, allocations, clock):
        document = ip_address_of(named("gone", "default"), "10.0.0.9")
        del document["metadata"]["labels"]
        await create(registry, IP_ADDRESSES, document)
        for _ in range(2):
            await allocations.repair()
            clock.seconds += GRACE_SECONDS
        assert await taken(registry) == (["10.0.0.9"], 0)


async def test_nothing_is_written_when_all_is_well() -> None:
    async with cluster() as (registry, allocations, _):
        await create(registry, SERVICES, service("a", type="NodePort"))
        revision = await registry.store.revision()
        await allocations.repair()
        await allocations.repair()
        assert await registry.store.revision() == revision
