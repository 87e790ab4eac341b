"""Leases: objects that end at about the same time share one lease.

A lease is granted for longer than asked by the window in which it is given out again, so nothing
ends before its time. Short lifetimes have no window: they get a lease each and end on time.
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
MOST_OBJECTS: Final = 1000


@dataclass(slots=True)
class Lease:
    """A lease that may be given out until ``closes``; ``objects`` have it already."""

    id: int
    closes: float
    objects: int = 0


class Leases:
    """The leases of one store, by the lifetime that was asked for."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._open: dict[int, Lease] = {}
        self._granting: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take(self, ttl: int) -> int:
        """Return the id of a lease for one more object that is to live ``ttl`` seconds."""
        if window(ttl) == 0:
            return await self._grant(ttl)
        lease = self._usable(ttl)
        if lease is None:
            lease = await self._renewed(ttl)
        lease.objects += 1
        return lease.id

    def forget(self, lease_id: int) -> None:
        """Give a lease out no more: etcd does not know it."""
        self._open = {ttl: lease for ttl, lease in self._open.items() if lease.id != lease_id}

    async def _renewed(self, ttl: int) -> Lease:
        async with self._granting[ttl]:
            lease = self._usable(ttl)
            if lease is None:
                # From before the request: etcd's clock for it may have started any time since.
                closes = self._clock() + window(ttl)
                lease = Lease(await self._grant(ttl + window(ttl)), closes)
                self._open[ttl] = lease
            return lease

    def _usable(self, ttl: int) -> Lease | None:
        lease = self._open.get(ttl)
        if lease is None or lease.objects >= MOST_OBJECTS or self._clock() >= lease.closes:
            return None
        return lease

    async def _grant(self, ttl: int) -> int:
        granted = await self._connection.grant(rpc.LeaseGrantRequest(TTL=ttl))
        return granted.ID


def window(ttl: int) -> int:
    """Return for how many seconds a lease of objects that live ``ttl`` seconds is given out."""
    return min(LONGEST_WINDOW, ttl // WINDOW_PER_TTL)
