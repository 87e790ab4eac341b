"""StoreWrapper: what stores on top of another store pass on to it unchanged."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

from storage.interface import Batch, FeedStore

V = TypeVar("V")
W = TypeVar("W")


class StoreWrapper(FeedStore[V], Generic[V, W]):
    """Store[V] on top of Store[W]: the methods that know no values. The others are abstract."""

    def __init__(self, inner: FeedStore[W]) -> None:
        self._inner = inner

    def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[V], None]:
        return self._batches(self._inner.watch(prefix, after=after))

    def feed(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[V], None]:
        return self._batches(self._inner.feed(prefix, after=after))

    @abstractmethod
    def _batches(self, inner: AsyncGenerator[Batch[W], None]) -> AsyncGenerator[Batch[V], None]:
        """Return the batches of the store below, with its values converted."""

    async def revision(self) -> int:
        return await self._inner.revision()

    async def compact(self, revision: int) -> None:
        await self._inner.compact(revision)

    def current_revision(self) -> int | None:
        return self._inner.current_revision()

    def compact_revision(self) -> int:
        return self._inner.compact_revision()

    def request_progress(self) -> bool:
        return self._inner.request_progress()

    async def close(self) -> None:
        await self._inner.close()
