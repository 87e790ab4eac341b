"""Which servers are alive, as the cluster sees it: the endpoints of default/kubernetes.

A server that shares its store holds a key of its own, ``masterleases/ADDRESS`` as kube-apiserver
has it, that ends with it: it lives for fifteen seconds and is written anew every ten. The endpoints
are the addresses of all such keys, written down by every server in turn; they all come to the same
result, so none need be elected. A server that has its store for itself is alone, and needs no key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object
from apiserver.registry.codec import Stored
from apiserver.registry.registry import Registry
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
# How often others may be faster with the same key: several workers of one address.
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class EndpointReconciler:
    """One server among those of its store; ``root`` is the prefix of all keys."""

    registry: Registry
    root: str
    endpoint: Endpoint
    shared: bool

    @property
    def is_bootstrapped(self) -> bool:
        """Whether all that must exist before anybody is served does."""
        store, root = self.registry.store, self.root
        keys = [f"{root}/namespaces/{name}" for name in NAMESPACES]
        keys.append(f"{root}/services/specs/{SERVICE_NAMESPACE}/{SERVICE_NAME}")
        return all(store.peek(key) is not None for key in keys)

    async def reconcile(self) -> None:
        """Render that this server is alive, and which ones are."""
        await bootstrap(self.registry, self.endpoint)
        if self.shared:
            await self._renew_lease()
            await self._reconcile_endpoints(await self._leased_addresses())
        else:
            await self._reconcile_endpoints([self.endpoint.address])

    async def remove(self) -> None:
        """Render that this server is about to end."""
        store, key = self.registry.store, self._key(self.endpoint.address)
        record = await store.get(key)
        if record is not None:
            await store.delete(key, expected=record.revision)
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
                value = Stored.preview(key, lease, 0)
                await store.put(key, value, expected=expected, ttl=LEASE_SECONDS)
            except RevisionConflict as conflict:
                record = conflict.current
            else:
                return
        log.warning("%s was always written by others first", key)

    async def _leased_addresses(self) -> list[str]:
        prefix = self._key("")
        page = await self.registry.store.list(prefix)
        return sorted(record.key.removeprefix(prefix) for record in page.records)

    async def _reconcile_endpoints(self, addresses: Sequence[str]) -> None:
        # Endpoints cannot have loopback addresses: such a server is for its own machine alone.
        reachable = [address for address in addresses if not ip_address(address).is_loopback]
        endpoints = locate(self.registry, ("", "v1", "endpoints"), SERVICE_NAMESPACE, SERVICE_NAME)
        slices = locate(
            self.registry,
            ("discovery.k8s.io", "v1", "endpointslices"),
            SERVICE_NAMESPACE,
            SERVICE_NAME,
        )
        if not reachable and endpoints.existing is None:
            return
        await replace(endpoints, _endpoints(reachable, self.endpoint.port))
        await replace(slices, _slice(reachable, self.endpoint.port))

    def _key(self, address: str) -> str:
        return f"{self.root}/masterleases/{address}"


@asynccontextmanager
async def reconciling_endpoints(
    reconciler: EndpointReconciler, *, removes_lease: bool
) -> AsyncIterator[None]:
    """Render that a server is alive for as long as the block runs.

    What a new cluster lacks is made before; that what is there is right can wait a moment. Raises
    what the making does.
    """
    settled = reconciler.is_bootstrapped
    if not settled:
        await reconciler.reconcile()
    delay = _FIRST_DELAY_SECONDS if settled else INTERVAL
    keeping = asyncio.create_task(_keep(reconciler, delay), name="endpoint-reconciler")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        if removes_lease and reconciler.shared:
            await _remove(reconciler)


async def _keep(reconciler: EndpointReconciler, delay: float) -> None:
    while True:
        await asyncio.sleep(delay)
        delay = INTERVAL
        try:
            await reconciler.reconcile()
        except (StatusError, StorageError) as error:
            log.warning("the endpoints of default/kubernetes were not renewed: %s", error)


async def _remove(reconciler: EndpointReconciler) -> None:
    try:
        async with asyncio.timeout(_REMOVAL_SECONDS):
            await reconciler.remove()
    except (StatusError, StorageError, TimeoutError) as error:
        log.warning("default/kubernetes will list this server a little longer: %s", error)


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
