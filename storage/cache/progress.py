"""Progress: the revision that a feed has reached, and waiting for a later one."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class Progress:
    """The revision that a feed has reached, and the callers that wait for a later one."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.revision = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def advance(self, revision: int) -> None:
        """Record that everything up to ``revision`` has been seen."""
        self.revision = max(self.revision, revision)
        waiting = self._waiting
        while waiting and waiting[0][0] <= self.revision:
            _, _, reached = heapq.heappop(waiting)
            if not reached.done():
                reached.set_result(None)

    def restart(self, revision: int) -> None:
        """Restart from ``revision``, which may be lower than the revision already reached."""
        self.revision = revision
        self.advance(revision)

    async def wait_for(self, revision: int, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds for ``revision``; return whether it was reached."""
        if revision <= self.revision:
            return True
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (revision, next(self._order), reached)
        heapq.heappush(self._waiting, entry)
        try:
            done, _ = await asyncio.wait([reached], timeout=timeout)
        finally:
            if not reached.done():
                # Timed out or cancelled: the revision may never be reached, so drop the entry.
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
        return bool(done)
