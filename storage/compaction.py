"""Compaction: by and by the history is forgotten.

The key ``compact_rev_key`` holds the revision that the last compaction aimed at, and is there to
choose who compacts: every process tries to write it once in an interval, against the revision that
it knew, and who succeeds compacts to what was the newest revision an interval ago. So history is
kept for one to two intervals, however many processes there are; a kube-apiserver on the same etcd
plays by the same rule.
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
    """Compacts a store at every call of `round`, to where it was at the call before."""

    def __init__(self, store: Store[bytes]) -> None:
        self._store = store
        self._known = ABSENT
        self._aim = 0

    async def round(self) -> bool:
        """Take part in one round; return whether this process was the one that compacted."""
        try:
            written = await self._store.put(
                COMPACT_REV_KEY, str(self._aim).encode(), expected=self._known
            )
        except RevisionConflict as conflict:
            # Another process had this round, or this one has just started.
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
    """Take part in a round every ``interval`` seconds, for ever; cancel it to end."""
    compactor = Compactor(store)
    while True:
        await sleep(interval)
        try:
            if await compactor.round():
                log.debug("compacted the store")
        except StorageError as error:
            log.warning("compacting the store failed: %s", error)
