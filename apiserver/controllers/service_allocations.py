"""Has the addresses and node ports of Services repaired periodically, in every server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from apiserver.machinery.errors import StatusError
from apiserver.registry.allocation_repair import ServiceAllocations
from apiserver.registry.registry import Registry

INTERVAL: Final = 180.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def repairing_allocations(registry: Registry, ready: asyncio.Event) -> AsyncIterator[None]:
    """Repair periodically while the block runs, from when the server is ``ready``."""

    async def run() -> None:
        await ready.wait()
        allocations = ServiceAllocations(registry)
        while True:
            try:
                await allocations.repair()
            except StatusError as error:
                log.warning("service allocations were not repaired: %s", error)
            await asyncio.sleep(INTERVAL)

    task = asyncio.create_task(run(), name="service-allocations")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
