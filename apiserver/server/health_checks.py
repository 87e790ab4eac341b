"""The checks of /healthz, /livez and /readyz, the probes of ComponentStatuses, and gauges."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from apiserver.controllers.controller_manager import ControllerManager
from apiserver.endpoints.handlers.component_health import healthz_probe
from apiserver.endpoints.health import ENDPOINTS, Check, Unhealthy
from apiserver.registry.component_statuses import ComponentHealth, Probe
from apiserver.registry.stored import Stored
from storage.cache.cache import WatchCache
from storage.errors import StorageError
from storage.interface import Store

if TYPE_CHECKING:
    # It imports ciphers, so only servers with encryption at rest import it.
    from apiserver.registry.encryption.encryption import Encryption

_STORE_PROBE_SECONDS: Final = 5.0
_CONTROLLER_MANAGER_PORT, _SCHEDULER_PORT = 10257, 10259


def health_checks(
    source: Store[bytes], cache: WatchCache[Stored], stopping: asyncio.Event
) -> dict[str, dict[str, Check]]:
    """Return the checks of the store, its cache and the process, by endpoint and name."""

    async def ping() -> None:
        return

    async def store_revision() -> int:
        try:
            return await source.revision()
        except StorageError as error:
            raise Unhealthy(str(error)) from error

    async def store() -> None:
        await store_revision()

    async def informer() -> None:
        if not await cache.wait_for_revision(await store_revision()):
            raise Unhealthy("the cache does not follow the store")

    async def shutdown() -> None:
        if stopping.is_set():
            raise Unhealthy("the server is stopping")

    common: dict[str, Check] = {"ping": ping, "log": ping, "etcd": store}
    ready: dict[str, Check] = {
        **common,
        "etcd-readiness": store,
        "informer-sync": informer,
        "shutdown": shutdown,
    }
    return {name: ready if name == "readyz" else common for name in ENDPOINTS}


def component_probes(source: Store[bytes]) -> dict[str, Probe]:
    """Return the probes of ComponentStatuses; the store, whichever it is, is ``etcd-0``."""

    async def store() -> ComponentHealth:
        try:
            async with asyncio.timeout(_STORE_PROBE_SECONDS):
                await source.revision()
        except TimeoutError:
            return ComponentHealth(healthy=False, error="context deadline exceeded")
        except StorageError as error:
            return ComponentHealth(healthy=False, error=str(error))
        return ComponentHealth(healthy=True, message="ok")

    return {
        "controller-manager": healthz_probe(_CONTROLLER_MANAGER_PORT),
        "etcd-0": store,
        "scheduler": healthz_probe(_SCHEDULER_PORT),
    }


def cache_gauges(cache: WatchCache[Stored]) -> dict[str, tuple[str, Callable[[], float]]]:
    """Return the gauges of the cache and the process: help text and value, by name."""
    started = time.time()
    return {
        "apiserver_watch_cache_objects": ("Objects in memory.", lambda: float(len(cache))),
        "apiserver_longrunning_watches": ("Watches open.", lambda: float(cache.watchers)),
        "apiserver_storage_revision": (
            "The revision in memory.",
            lambda: float(cache.cached_revision),
        ),
        "process_start_time_seconds": ("When the server started.", lambda: started),
    }


def check_controllers(manager: ControllerManager) -> Check:
    """Return the check that all controllers run."""

    async def controllers() -> None:
        failed = manager.failed()
        if failed:
            raise Unhealthy(f"these controllers do not run: {', '.join(failed)}")

    return controllers


def check_kms(encryption: Encryption) -> Check:
    """Return the check that the plugins of KMS answer."""

    async def kms_providers() -> None:
        failure = encryption.failure()
        if failure:
            raise Unhealthy(failure)

    return kms_providers
