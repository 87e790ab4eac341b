"""Locks by key, within one process and one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary


class Locks:
    """One lock for each key that is held or waited for; waiters are served in order."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, keys: Iterable[str], seconds: float) -> AsyncIterator[None]:
        """Hold the locks of some keys. Raises TimeoutError after waiting for ``seconds``."""
        async with AsyncExitStack() as held:
            async with asyncio.timeout(seconds):
                # Sorted, so that two tasks with common keys cannot deadlock.
                for key in sorted(keys):
                    lock = self._locks.setdefault(key, asyncio.Lock())
                    await held.enter_async_context(lock)
            yield
