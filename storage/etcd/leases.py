"""Leases: objects that expire at about the same time share one lease.

A lease is reused for a window of time. It is granted for the requested lifetime plus this window,
so no object expires early. Short lifetimes have no window: each such object gets its own lease and
expires on time.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from storage.etcd import rpc
from storage.etcd.connection import Connection

LONGEST_WINDOW: Final = 60
WINDOW_PER_TTL: Final = 20
MAX_OBJECTS: Final = 1000


@dataclass(slots=True)
class Lease:
    """A lease that may be reused until ``closes``; ``objects`` is the number that share it."""

    id: int
    closes: float
    objects: int = 0


class Leases:
    """The leases of one store, by requested lifetime."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._open: dict[int, Lease] = {}
        self._granting: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take(self, ttl: int) -> int:
        """Return the ID of a lease for one more object with a lifetime of ``ttl`` seconds."""
        if window(ttl) == 0:
            return await self._grant(ttl)
        lease = self._usable(ttl)
        if lease is None:
            lease = await self._renewed(ttl)
        lease.objects += 1
        return lease.id

    def forget(self, lease_id: int) -> None:
        """Stop using a lease that etcd does not know."""
        self._open = {ttl: lease for ttl, lease in self._open.items() if lease.id != lease_id}

    async def _renewed(self, ttl: int) -> Lease:
        async with self._granting[ttl]:
            lease = self._usable(ttl)
            if lease is None:
                # Read the clock before the request: the lease may start at any time after it.
                closes = self._clock() + window(ttl)
                lease = Lease(await self._grant(ttl + window(ttl)), closes)
                self._open[ttl] = lease
            return lease

    def _usable(self, ttl: int) -> Lease | None:
        lease = self._open.get(ttl)
        if lease is None or lease.objects >= MAX_OBJECTS or self._clock() >= lease.closes:
            return None
        return lease

    async def _grant(self, ttl: int) -> int:
        granted = await self._connection.grant(rpc.LeaseGrantRequest(TTL=ttl))
        return granted.ID


def window(ttl: int) -> int:
    """Return how many seconds a lease for objects with a lifetime of ``ttl`` may be reused."""
    return min(LONGEST_WINDOW, ttl // WINDOW_PER_TTL)
