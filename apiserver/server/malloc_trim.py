"""Returns memory to the system after load. With another C library than glibc nothing is done.

Small blocks that outlive a connection keep the pages around them resident: without malloc_trim(3)
hardly anything of what thousands of connections took would come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

#: The interval of looking at the number of connections, in seconds.
INTERVAL: Final = 5.0
#: Trimming takes milliseconds, so it waits until at least so many connections have ended.
MANY: Final = 100


class Trimmer:
    """Calls ``trim`` after many connections have ended; ``open_connections`` counts them."""

    def __init__(self, open_connections: Callable[[], int], trim: Callable[[], None]) -> None:
        self._open = open_connections
        self._trim = trim
        self._most = 0

    def check(self) -> None:
        """Trim if there are many fewer connections than there have been since the last time."""
        now = self._open()
        if self._most - now >= MANY:
            self._trim()
            self._most = now
        self._most = max(self._most, now)


@asynccontextmanager
async def returning_memory(open_connections: Callable[[], int]) -> AsyncIterator[None]:
    """Return memory to the system after load while the block runs."""
    trimmer = Trimmer(open_connections, _trim)
    checking = asyncio.create_task(_check(trimmer), name="malloc-trim")
    try:
        yield
    finally:
        checking.cancel()


def _trim() -> None:
    # Idle servers do without the library and its memory.
    import ctypes

    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


async def _check(trimmer: Trimmer) -> None:
    while True:
        await asyncio.sleep(INTERVAL)
        trimmer.check()
