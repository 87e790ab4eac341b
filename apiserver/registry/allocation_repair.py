"""Repair of Service allocations: the allocated addresses and node ports must match the Services.

This server allocates in the commit that stores the Service, so a crash leaves nothing to repair.
But another server on the same store may allocate in separate steps, or may have stored Services
before IPAddresses existed, and clients may delete an IPAddress. A missing allocation of a Service
is added. An allocation without a Service is released after a grace period, since its Service may
still be created. A pass reads one state of the cache, and is skipped while nothing has changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.times import Clock, system_clock
from apiserver.registry import allocating
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from apiserver.registry.yielding import Yielder
from apiserver.resources.builtin.core.services.allocation import (
    IP_ADDRESSES,
    MANAGER,
    MANAGER_LABEL,
    canonical,
    cluster_ips_of,
    ip_address_of,
    ports_of,
)
from storage.errors import RevisionConflict, StorageError
from storage.interface import ABSENT, Delete, Put, Record

#: How long an allocation without a Service is kept.
GRACE_SECONDS: Final = 60.0
_SERVICES: Final = GroupVersionResource("", "v1", "services")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Owned:
    """Allocations of all Services: addresses, each with its Service's record, and node ports."""

    addresses: dict[str, Record[Stored]] = field(default_factory=dict)
    ports: set[int] = field(default_factory=set)


class ServiceAllocations:
    """Compares the allocations with the Services."""

    def __init__(self, registry: Registry, clock: Clock | None = None) -> None:
        services, addresses = registry.resource(*_SERVICES), registry.resource(*IP_ADDRESSES)
        assert services is not None
        assert addresses is not None
        self._services: Resource = services
        self._addresses: Resource = addresses
        self._clock = clock or system_clock()
        self._seen = -1
        # Allocations without a Service, and the time when each was first seen.
        self._unowned: dict[object, float] = {}

    async def repair(self) -> None:
        """Make one pass. Raises StatusError."""
        state = self._state()
        if state == self._seen and not self._unowned:
            return
        store, ports_key = self._services.store, allocating.ports_key(self._services)
        # All reads are of one revision: there is no await between them.
        services = store.list_cached(self._services.prefix()).records
        addresses = store.list_cached(self._addresses.prefix()).records
        ports = store.get_cached(ports_key)
        owned = await _owned(services)
        noted = {record.value.metadata["name"]: record for record in addresses}
        unowned: set[object] = set()
        for address, service in owned.addresses.items():
            if address not in noted:
                await self._note(address, service)
        for address, record in noted.items():
            if address not in owned.addresses and _is_managed(record):
                unowned.add((address, record.revision))
                if self._is_due((address, record.revision)):
                    await self._free(record)
        unowned |= await self._repair_ports(ports, owned.ports)
        now = self._clock.time()
        self._unowned = {key: self._unowned.get(key, now) for key in unowned}
        self._seen = state

    def _state(self) -> int:
        store, root = self._services.store, self._services.root
        prefixes = (self._services.prefix(), self._addresses.prefix(), f"{root}/ranges/")
        return max(map(store.last_change, prefixes))

    def _is_due(self, key: object) -> bool:
        since = self._unowned.get(key)
        return since is not None and self._clock.time() - since >= GRACE_SECONDS

    async def _note(self, address: str, service: Record[Stored]) -> None:
        document = ip_address_of(service.value.object, address)
        change = Put(self._addresses.key("", address), Stored.to_write(document), ABSENT)
        log.warning("%s uses %s, which was not allocated", service.key, address)
        await self._commit(change, {service.key: service.revision})

    async def _free(self, record: Record[Stored]) -> None:
        log.warning("%s belongs to no Service and is released", record.key)
        await self._commit(Delete(record.key, record.revision), {})

    async def _repair_ports(
        self, record: Record[Stored] | None, owned: Iterable[int]
    ) -> set[object]:
        ports = self._services.ranges.node_ports
        before = 0 if record is None else allocating.bits_of(record.value.object, ports)
        wanted = allocating.mask_of(owned, ports)
        unowned = {port for port in ports if (before & ~wanted) >> (port - ports.start) & 1}
        due = [port for port in unowned if self._is_due(port)]
        after = (before | wanted) & ~allocating.mask_of(due, ports)
        if after != before:
            log.warning("node ports are repaired: %d belong to no Service", len(due))
            expected = ABSENT if record is None else record.revision
            value = Stored.to_write(allocating.range_allocation(after, ports))
            await self._commit(Put(allocating.ports_key(self._services), value, expected), {})
        return set(unowned)

    async def _commit(self, change: Put[Stored] | Delete, requires: Mapping[str, int]) -> None:
        try:
            await self._services.store.commit((change,), requires=requires)
        except RevisionConflict as conflict:
            # A conflict: the next pass sees the current state.
            log.debug("not repaired: %s", conflict)
        except StorageError as error:
            raise self._services.failed(error, "update") from error


async def _owned(services: Iterable[Record[Stored]]) -> _Owned:
    owned, yielder = _Owned(), Yielder()
    for record in services:
        spec = record.value.object["spec"]
        owned.addresses |= {canonical(address): record for address in cluster_ips_of(spec)}
        owned.ports |= ports_of(spec)
        await yielder.yield_if_due()
    return owned


def _is_managed(record: Record[Stored]) -> bool:
    labels = record.value.metadata.get("labels") or {}
    return bool(labels.get(MANAGER_LABEL) == MANAGER)
