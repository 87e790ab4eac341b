"""Endpoint reconciler: keeps the endpoints of default/kubernetes equal to the live servers.

A server that shares its store holds a master lease, as kube-apiserver does: the key
``masterleases/ADDRESS``, with a TTL of 15 seconds, renewed every 10 seconds. Every server sets the
endpoints to the addresses of all leases. All compute the same result, so no leader is needed. A
server with a store of its own needs no lease.

Master leases are written to the store directly: they are no objects of the API, so there is nothing
to admit, validate or convert, and the compare-and-swap of their key is all that they need.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Final

from apiserver.machinery.errors import Forbidden, StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored
from apiserver.server.bootstrap import (
    NAMESPACES,
    PORT_NAME,
    SERVICE_NAME,
    SERVICE_NAMESPACE,
    Endpoint,
    bootstrap,
    locate,
    replace,
)
from storage.errors import RevisionConflict, StorageError
from storage.interface import ABSENT

log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 15
INTERVAL: Final = 10.0
_FIRST_DELAY_SECONDS: Final = 1.0
_REMOVAL_SECONDS: Final = 0.5
# Retries after conflicts: the workers of one address renew the same lease, and remove it.
_ATTEMPTS: Final = 20


@valueclass
class EndpointReconciler:
    """Maintains the master lease of one server, and the endpoints; ``root`` is the key prefix."""

    registry: Registry
    root: str
    endpoint: Endpoint
    shared: bool

    @property
    def is_bootstrapped(self) -> bool:
        """Whether the objects that must exist before requests are served do exist."""
        store, root = self.registry.store, self.root
        keys = [f"{root}/namespaces/{name}" for name in NAMESPACES]
        keys.append(f"{root}/services/specs/{SERVICE_NAMESPACE}/{SERVICE_NAME}")
        return all(store.get_cached(key) is not None for key in keys)

    async def reconcile(self) -> None:
        """Create missing objects, renew the lease and update the endpoints."""
        await bootstrap(self.registry, self.endpoint)
        if self.shared:
            await self._renew_lease()
            await self._reconcile_endpoints(await self._leased_addresses())
        else:
            await self._reconcile_endpoints([self.endpoint.address])

    async def remove(self) -> None:
        """Remove the lease and update the endpoints."""
        store, key = self.registry.store, self._key(self.endpoint.address)
        record = await store.get(key)
        for _ in range(_ATTEMPTS):
            if record is None:
                break
            try:
                await store.delete(key, expected=record.revision)
            except RevisionConflict as conflict:
                record = conflict.current
            else:
                break
        await self._reconcile_endpoints(await self._leased_addresses())

    async def _renew_lease(self) -> None:
        store, key = self.registry.store, self._key(self.endpoint.address)
        record = await store.get(key)
        for _ in range(_ATTEMPTS):
            generation = 1
            if record is not None:
                generation += int(record.value.metadata.get("generation", 0))
            lease = _lease(self.endpoint.address, generation)
            expected = ABSENT if record is None else record.revision
            try:
                value = Stored.to_write(lease)
                await store.put(key, value, expected=expected, ttl=LEASE_SECONDS)
            except RevisionConflict as conflict:
                record = conflict.current
            else:
                return
        log.warning("master lease %s was not renewed: too many conflicts", key)

    async def _leased_addresses(self) -> list[str]:
        prefix = self._key("")
        page = await self.registry.store.list(prefix)
        return sorted(record.key.removeprefix(prefix) for record in page.records)

    async def _reconcile_endpoints(self, addresses: Sequence[str]) -> None:
        # Endpoints must not be loopback addresses. A server on one is local to its machine.
        reachable = [address for address in addresses if not ip_address(address).is_loopback]
        endpoints = locate(
            self.registry,
            GroupVersionResource("", "v1", "endpoints"),
            SERVICE_NAMESPACE,
            SERVICE_NAME,
        )
        slices = locate(
            self.registry,
            GroupVersionResource("discovery.k8s.io", "v1", "endpointslices"),
            SERVICE_NAMESPACE,
            SERVICE_NAME,
        )
        if not reachable and not endpoints.exists:
            return
        await replace(endpoints, _endpoints(reachable, self.endpoint.port))
        await replace(slices, _slice(reachable, self.endpoint.port))

    def _key(self, address: str) -> str:
        return f"{self.root}/masterleases/{address}"


@asynccontextmanager
async def reconciling_endpoints(
    reconciler: EndpointReconciler, removes_lease: Callable[[], bool]
) -> AsyncIterator[None]:
    """Reconcile the endpoints periodically while the block runs.

    If objects are missing, the first reconciliation comes before the block, and its errors are
    raised, unless admission denies the objects; otherwise it comes shortly after.
    """
    settled = reconciler.is_bootstrapped
    if not settled:
        await _reconcile_unless_denied(reconciler)
    delay = _FIRST_DELAY_SECONDS if settled else INTERVAL
    task = asyncio.create_task(
        _reconcile_periodically(reconciler, delay), name="endpoint-reconciler"
    )
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if reconciler.shared and removes_lease():
            await _remove(reconciler)


async def _reconcile_unless_denied(reconciler: EndpointReconciler) -> None:
    try:
        await reconciler.reconcile()
    except Forbidden as error:
        # What is stored can still be read, and another configuration may admit them later.
        log.warning("bootstrap objects were not created: %s", error)


async def _reconcile_periodically(reconciler: EndpointReconciler, delay: float) -> None:
    while True:
        await asyncio.sleep(delay)
        delay = INTERVAL
        try:
            await reconciler.reconcile()
        except (StatusError, StorageError) as error:
            log.warning("reconciling the endpoints of default/kubernetes failed: %s", error)


async def _remove(reconciler: EndpointReconciler) -> None:
    try:
        async with asyncio.timeout(_REMOVAL_SECONDS):
            await reconciler.remove()
    except (StatusError, StorageError, TimeoutError) as error:
        log.warning("master lease was not removed and expires by itself: %s", error)


def _lease(address: str, generation: int) -> Object:
    return {
        "kind": "Endpoints",
        "apiVersion": "v1",
        "metadata": {"generation": generation},
        "subsets": [{"addresses": [{"ip": address}]}],
    }


def _endpoints(addresses: Sequence[str], port: int) -> Object:
    subset = {
        "addresses": [{"ip": address} for address in addresses],
        "ports": [{"name": PORT_NAME, "port": port, "protocol": "TCP"}],
    }
    return {
        "kind": "Endpoints",
        "apiVersion": "v1",
        "metadata": {
            "name": SERVICE_NAME,
            "namespace": SERVICE_NAMESPACE,
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [subset] if addresses else [],
    }


def _slice(addresses: Sequence[str], port: int) -> Object:
    family = "IPv6" if addresses and ":" in addresses[0] else "IPv4"
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {
            "name": SERVICE_NAME,
            "namespace": SERVICE_NAMESPACE,
            "labels": {"kubernetes.io/service-name": SERVICE_NAME},
        },
        "addressType": family,
        "endpoints": [
            {"addresses": [address], "conditions": {"ready": True}} for address in addresses
        ],
        "ports": [{"name": PORT_NAME, "port": port, "protocol": "TCP"}],
    }
