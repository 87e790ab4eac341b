"""Wait until a feed has reached a revision."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class Progress:
    """The revision that a feed has reached, and who waits for a later one."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.revision = 0

    def advance(self, revision: int) -> None:
        """Note that everything up to ``revision`` has been seen."""
        self.revision = max(self.revision, revision)
        while self._waiting and self._waiting[0][0] <= self.revision:
            _, _, reached = heapq.heappop(self._waiting)
            if not reached.done():
                reached.set_result(None)

    async def reach(self, revision: int, patience: float) -> bool:
        """Wait for ``revision``, at most ``patience`` seconds; tell whether it was reached."""
        if revision <= self.revision:
            return True
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (revision, next(self._order), reached))
        done, _ = await asyncio.wait([reached], timeout=patience)
        if not done:
            reached.cancel()
        return bool(done)
