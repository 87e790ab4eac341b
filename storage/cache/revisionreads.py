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
        # Those who share the next request. Each has a future of its own, which a cancelled caller
        # may cancel.
        self._waiting: list[asyncio.Future[int]] = []
        # Sends one request after the other while callers wait.
        self._task: asyncio.Task[None] | None = None

    async def revision(self) -> int:
        """Return a revision that was read after this call. Raises what ``read`` raises."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._serve(), name="watch-cache-revision")
        return await future

    async def stop(self) -> None:
        """Cancel all pending reads."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        for future in self._waiting:
            future.cancel()

    async def _serve(self) -> None:
        while self._waiting:
            served, self._waiting = self._waiting, []
            await self._answer(served)
        self._task = None

    async def _answer(self, served: list[asyncio.Future[int]]) -> None:
        try:
            revision = await self._read()
        except Exception as error:  # noqa: BLE001  # the callers get it
            for future in served:
                if not future.done():
                    future.set_exception(error)
        except asyncio.CancelledError:
            for future in served:
                future.cancel()
            raise
        else:
            for future in served:
                if not future.done():
                    future.set_result(revision)
