"""Addresses and node ports are stored with the Services that take them, or not at all."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from apiserver.machinery.errors import Invalid, StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.users import SYSTEM_USER
from apiserver.registry.context import RequestContext
from apiserver.registry.delete import delete_object
from apiserver.registry.registry import Registry
from apiserver.resources.allocation import ServiceRanges
from storage.interface import ABSENT
from storage.open import open_store
from tests.unit.cluster import NAMESPACES, create, named, registry_in_memory, registry_over

SERVICES = GroupVersionResource("", "v1", "services")
IP_ADDRESSES = GroupVersionResource("networking.k8s.io", "v1", "ipaddresses")
PORTS_KEY = "/registry/ranges/servicenodeports"


def service(name: str, **spec: object) -> Object:
    return {**named(name, "default"), "spec": {"ports": [{"port": 80}], **spec}}


async def taken(registry: Registry) -> tuple[list[str], int]:
    """Return the addresses that are taken, and how many node ports are."""
    resource = registry.resource(*IP_ADDRESSES)
    assert resource is not None
    page = await resource.store.list(resource.prefix())
    ports = await resource.store.get(PORTS_KEY)
    data = "" if ports is None else ports.value.object["data"]
    bits = int.from_bytes(b64decode(data))
    return [record.value.metadata["name"] for record in page.records], bits.bit_count()


async def remove(registry: Registry, name: str) -> None:
    resource = registry.resource(*SERVICES)
    assert resource is not None
    context = RequestContext(SYSTEM_USER, "default", name)
    await delete_object(resource, context, DeleteOptions())


@asynccontextmanager
async def cluster() -> AsyncIterator[Registry]:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("default"))
        yield registry


async def test_a_service_has_its_addresses_as_long_as_it_is_there() -> None:
    async with cluster() as registry:
        made = await create(registry, SERVICES, service("a", type="NodePort"))
        assert await taken(registry) == ([made["spec"]["clusterIP"]], 1)
        await remove(registry, "a")
        assert await taken(registry) == ([], 0)


async def test_what_is_refused_takes_nothing() -> None:
    async with cluster() as registry:
        await create(registry, SERVICES, service("a", type="NodePort"))
        before = await taken(registry)
        for name in ("a", "Bad_Name"):
            try:
                await create(registry, SERVICES, service(name, type="NodePort"))
            except StatusError:
                continue
            raise AssertionError(name)
        assert await taken(registry) == before


def message(*fields: tuple[int, bytes]) -> bytes:
    """Return a protobuf message of fields that are shorter than 128 bytes."""
    return b"".join(bytes([number << 3 | 2, len(data)]) + data for number, data in fields)


async def test_ports_that_kube_apiserver_has_noted_as_protobuf_are_taken() -> None:
    raw = await open_store("memory://")
    noted = message((1, b""), (2, b"30000-30002"), (3, b"\x05"))
    kind = message((1, b"v1"), (2, b"RangeAllocation"))
    await raw.put(PORTS_KEY, b"k8s\x00" + message((1, kind), (2, noted)), expected=ABSENT)
    async with registry_over(raw, ServiceRanges(node_ports=range(30000, 30003))) as registry:
        await create(registry, NAMESPACES, named("default"))
        made = await create(registry, SERVICES, service("a", type="NodePort"))
        assert made["spec"]["ports"][0]["nodePort"] == 30001
        assert (await taken(registry))[1] == 3
    await raw.close()


async def test_of_two_that_want_the_same_one_gets_it() -> None:
    raw = await open_store("memory://")
    async with registry_over(raw) as one, registry_over(raw) as two:
        await create(one, NAMESPACES, named("default"))
        await two.store.wait_until_fresh()
        asked = {"clusterIP": "10.0.0.9"}
        results = await asyncio.gather(
            *(create(each, SERVICES, service(name, **asked)) for name, each in
              (("a", one), ("b", two), ("c", one), ("d", two))),
            return_exceptions=True,
        )  # fmt: skip
        refusals = [result for result in results if isinstance(result, Invalid)]
        assert len(refusals) == 3
        assert all("provided IP is already allocated" in str(each) for each in refusals)
        assert await taken(one) == (["10.0.0.9"], 0)
    await raw.close()


async def test_many_at_once_get_one_each() -> None:
    raw = await open_store("memory://")
    async with registry_over(raw) as one, registry_over(raw) as two:
        await create(one, NAMESPACES, named("default"))
        await two.store.wait_until_fresh()
        made = await asyncio.gather(
            *(
                create([one, two][number % 2], SERVICES, service(f"s{number}", type="NodePort"))
                for number in range(200)
            )
        )
        addresses = {each["spec"]["clusterIP"] for each in made}
        ports = {each["spec"]["ports"][0]["nodePort"] for each in made}
        assert (len(addresses), len(ports)) == (200, 200)
        names, count = await taken(one)
        assert (set(names), count) == (addresses, 200)
    await raw.close()
