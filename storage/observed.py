"""ObservedStore: reports the operation, duration and result of every call.

A commit of one change is reported as ``put`` or ``delete``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from storage.errors import RevisionConflict
from storage.interface import LATEST, NO_REQUIREMENTS, Batch, Change, FeedStore, Page, Put, Record
from storage.wrapper import StoreWrapper

V = TypeVar("V")
T = TypeVar("T")

#: Called with the name of the operation, its duration in seconds, and whether it failed.
Observe = Callable[[str, float, bool], None]


class ObservedStore(StoreWrapper[V, V]):
    """Store[V] on top of Store[V]. A conflict does not count as a failure."""

    def __init__(self, inner: FeedStore[V], observe: Observe) -> None:
        super().__init__(inner)
        self._observe = observe

    async def get(self, key: str, *, revision: int = LATEST) -> Record[V] | None:
        return await self._observed("get", self._inner.get(key, revision=revision))

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[V]:
        page = self._inner.list(prefix, start=start, limit=limit, revision=revision)
        return await self._observed("list", page)

    async def commit(
        self, changes: Sequence[Change[V]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[V]]:
        operation = "commit"
        if len(changes) == 1:
            operation = "put" if isinstance(changes[0], Put) else "delete"
        return await self._observed(operation, self._inner.commit(changes, requires=requires))

    async def revision(self) -> int:
        return await self._observed("revision", self._inner.revision())

    async def compact(self, revision: int) -> None:
        await self._observed("compact", self._inner.compact(revision))

    def _batches(self, inner: AsyncGenerator[Batch[V], None]) -> AsyncGenerator[Batch[V], None]:
        return inner

    async def _observed(self, operation: str, call: Awaitable[T]) -> T:
        begun = time.perf_counter()
        failed = True
        try:
            result = await call
            failed = False
        except RevisionConflict:
            failed = False
            raise
        finally:
            self._observe(operation, time.perf_counter() - begun, failed)
        return result
