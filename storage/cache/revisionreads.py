"""RevisionReads: concurrent reads of the store's revision share one request.

A caller needs a revision that was read after its call. It therefore cannot share a request that is
already in flight, but all callers that arrive in the meantime share the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class RevisionReads:
    """Reads the revision of one store; ``read`` sends the request."""

    def __init__(self, read: Callable[[], Awaitable[int]]) -> None:
        self._read = read
        self._running: asyncio.Task[int] | None = None
        self._next: asyncio.Task[int] | None = None

    async def revision(self) -> int:
        """Return a revision that was read after this call. Raises what ``read`` raises."""
        if self._next is None:
            reading = self._read_after(self._running)
            self._next = asyncio.create_task(reading, name="watch-cache-revision")
            self._next.add_done_callback(_retrieve_exception)
        # A cancelled caller must not cancel the request for the others.
        return await asyncio.shield(self._next)

    async def stop(self) -> None:
        """Cancel all pending reads."""
        tasks = [task for task in (self._running, self._next) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_after(self, running: asyncio.Task[int] | None) -> int:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        return await self._read()


def _retrieve_exception(task: asyncio.Task[int]) -> None:
    # If every caller was cancelled, asyncio would log that the exception was never retrieved.
    if not task.cancelled():
        task.exception()
