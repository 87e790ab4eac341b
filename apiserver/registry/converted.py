"""ConvertedCache: the cache as one served version sees it, where another one is stored."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast

from apiserver.machinery.objects import Object
from apiserver.registry.codec import Stored
from apiserver.resources.conversion import Conversion
from storage.cache.cache import WatchCache
from storage.hub import Watcher
from storage.errors import RevisionConflict
from storage.interface import LATEST, NO_REQUIREMENTS, Batch, Event, Page, Record


class ConvertedCache(WatchCache[Stored]):
    """A view of a cache: values are converted on their way in and out, nothing is kept here."""

    def __init__(self, cache: WatchCache[Stored], conversion: Conversion, prefix: str) -> None:
        self._cache = cache
        self._conversion = conversion
        self._prefix = prefix

    @property
    def seen(self) -> int:
        return self._cache.seen

    def peek(self, key: str) -> Record[Stored] | None:
        return self._optional(self._cache.peek(key))

    def page(self, prefix: str, *, start: str = "", limit: int = 0) -> Page[Stored]:
        return self._page(self._cache.page(prefix, start=start, limit=limit))

    def subscribe(self, prefix: str, after: int) -> Watcher[Stored]:
        return cast("Watcher[Stored]", _View(self._cache.subscribe(prefix, after), self.batch))

    async def reach(self, revision: int, patience: float = 3.0) -> bool:
        return await self._cache.reach(revision, patience)

    async def refresh(self) -> bool:
        return await self._cache.refresh()

    async def revision(self) -> int:
        return await self._cache.revision()

    async def get(self, key: str, *, revision: int = LATEST) -> Record[Stored] | None:
        return self._optional(await self._cache.get(key, revision=revision))

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[Stored]:
        page = await self._cache.list(prefix, start=start, limit=limit, revision=revision)
        return self._page(page)

    async def put(
        self,
        key: str,
        value: Stored,
        *,
        expected: int,
        ttl: int = 0,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Record[Stored]:
        document: Object = value.object if isinstance(value, Stored) else value
        stored: Any = self._conversion.to_stored(document)
        try:
            written = await self._cache.put(
                key, stored, expected=expected, ttl=ttl, requires=requires
            )
        except RevisionConflict as conflict:
            current = self._optional(conflict.current)
            raise RevisionConflict(conflict.key, conflict.expected, current) from conflict
        return self._record(written)

    async def delete(self, key: str, *, expected: int) -> Record[Stored]:
        try:
            return self._record(await self._cache.delete(key, expected=expected))
        except RevisionConflict as conflict:
            current = self._optional(conflict.current)
            raise RevisionConflict(conflict.key, conflict.expected, current) from conflict

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[Stored], None]:
        inner = cast(
            "AsyncGenerator[Batch[Stored], None]", self._cache.watch(prefix, after=after)
        )
        async with aclosing(inner) as batches:
            async for batch in batches:
                yield self.batch(batch)

    def batch(self, batch: Batch[Stored]) -> Batch[Stored]:
        """Return what happened as this version sees it."""
        return Batch(batch.revision, [self._event(event) for event in batch.events])

    def _event(self, event: Event[Stored]) -> Event[Stored]:
        return Event(
            event.key,
            event.revision,
            self._optional(event.record),
            self._optional(event.previous),
        )

    def _page(self, page: Page[Stored]) -> Page[Stored]:
        return Page([self._record(item) for item in page.records], page.revision, page.remaining)

    def _optional(self, record: Record[Stored] | None) -> Record[Stored] | None:
        return None if record is None else self._record(record)

    def _record(self, record: Record[Stored]) -> Record[Stored]:
        if not record.key.startswith(self._prefix):
            return record
        served = self._conversion.to_served(record.value.object)
        value = Stored.preview(record.key, served, record.revision)
        return Record(record.key, value, record.revision, record.created)


class _View:
    def __init__(self, watcher: Watcher[Stored], convert: Any) -> None:
        self._watcher = watcher
        self._convert = convert

    async def next(self) -> Batch[Stored]:
        batch: Batch[Stored] = self._convert(await self._watcher.next())
        return batch

    def close(self) -> None:
        self._watcher.close()
