"""Compaction: removes old history at a regular interval.

The key ``compact_rev_key`` holds the target revision of the last compaction and elects the process
that compacts: every process tries to write the key once per interval, with a compare-and-swap on
the revision it last saw. The process that succeeds compacts to the revision that was the newest one
an interval ago. History is therefore kept for one to two intervals, however many processes there
are. A kube-apiserver that uses the same etcd follows the same protocol.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from storage.errors import Compacted, RevisionConflict, StorageError
from storage.interface import ABSENT, Store

COMPACT_REV_KEY: Final = "compact_rev_key"
INTERVAL: Final = 300.0

log = logging.getLogger(__name__)


class Compactor:
    """Compacts a store at each call of `round`, to its revision at the previous call."""

    def __init__(self, store: Store[bytes]) -> None:
        self._store = store
        self._known = ABSENT
        self._aim = 0

    async def round(self) -> bool:
        """Take part in one round; return whether this process compacted the store."""
        try:
            written = await self._store.put(
                COMPACT_REV_KEY, str(self._aim).encode(), expected=self._known
            )
        except RevisionConflict as conflict:
            # Another process won this round, or this process has just started.
            self._known = conflict.current.revision if conflict.current is not None else ABSENT
            self._aim = await self._store.revision()
            return False
        aim, self._known, self._aim = self._aim, written.revision, written.revision
        if not aim:
            return False
        try:
            await self._store.compact(aim)
        except Compacted:
            return False
        return True


async def compact_periodically(
    store: Store[bytes],
    interval: float = INTERVAL,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Take part in a round every ``interval`` seconds, until cancelled."""
    compactor = Compactor(store)
    while True:
        await sleep(interval)
        try:
            if await compactor.round():
                log.debug("compacted the store")
        except StorageError as error:
            log.warning("compacting the store failed: %s", error)
