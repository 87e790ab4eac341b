"""A periodic consistency check of the cache against the store.

The check reads the whole store, so a server runs it only if configured to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from storage.cache.cache import WatchCache
from storage.errors import StorageError

V = TypeVar("V")

INTERVAL: Final = 60.0
_SHOWN: Final = 10

log = logging.getLogger(__name__)


async def check_periodically(
    cache: WatchCache[V],
    interval: float = INTERVAL,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Compare memory with the store every ``interval`` seconds and log the keys that differ."""
    while True:
        await sleep(interval)
        try:
            differing = await cache.check()
        except StorageError as error:
            log.warning("checking the cache failed: %s", error)
            continue
        if differing:
            shown = ", ".join(differing[:_SHOWN])
            log.error("the cache differs from the store in %d keys: %s", len(differing), shown)
        else:
            log.info("the cache equals the store at revision %d", cache.cached_revision)
