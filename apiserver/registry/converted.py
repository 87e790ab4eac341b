"""ConvertedStore: the store as one served version sees it, where another one is stored."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TypeAlias, cast

from apiserver.machinery.objects import Object
from apiserver.registry.codec import Stored
from apiserver.resources.conversion import Conversion
from storage.cache.cache import FRESHNESS_TIMEOUT, WatchCache
from storage.errors import RevisionConflict
from storage.hub import Watcher
from storage.interface import (
    LATEST,
    NO_REQUIREMENTS,
    Batch,
    Change,
    Delete,
    Event,
    Page,
    Put,
    Record,
)


class ConvertedStore:
    """A view of a cache: values are converted on their way in and out, nothing is kept here.

    Keys outside of ``prefix`` (a namespace, say) are shown as they are.
    """

    def __init__(self, cache: WatchCache[Stored], conversion: Conversion, prefix: str) -> None:
        self._cache = cache
        self._conversion = conversion
        self._prefix = prefix

    @property
    def cached_revision(self) -> int:
        return self._cache.cached_revision

    def get_cached(self, key: str) -> Record[Stored] | None:
        return self._optional(self._cache.get_cached(key))

    def get_newest_known(self, key: str) -> Record[Stored] | None:
        return self._optional(self._cache.get_newest_known(key))

    def list_cached(self, prefix: str, *, start: str = "", limit: int = 0) -> Page[Stored]:
        return self._page(self._cache.list_cached(prefix, start=start, limit=limit))

    def last_change(self, prefix: str) -> int:
        return self._cache.last_change(prefix)

    def subscribe(self, prefix: str, after: int, *, exact: bool = False) -> Watcher[Stored]:
        watcher = self._cache.subscribe(prefix, after, exact=exact)
        return cast("Watcher[Stored]", _View(watcher, self._event))

    async def wait_for_revision(self, revision: int, timeout: float = FRESHNESS_TIMEOUT) -> bool:
        return await self._cache.wait_for_revision(revision, timeout)

    async def wait_until_fresh(self) -> bool:
        return await self._cache.wait_until_fresh()

    async def revision(self) -> int:
        return await self._cache.revision()

    async def get(self, key: str, *, revision: int = LATEST) -> Record[Stored] | None:
        return self._optional(await self._cache.get(key, revision=revision))

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[Stored]:
        page = await self._cache.list(prefix, start=start, limit=limit, revision=revision)
        return self._page(page)

    async def commit(
        self,
        changes: Sequence[Change[Stored | Object]],
        *,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Sequence[Record[Stored]]:
        stored = [self._to_stored(change) for change in changes]
        try:
            records = await self._cache.commit(stored, requires=requires)
        except RevisionConflict as conflict:
            raise self._conflict(conflict) from conflict
        return [self._record(record) for record in records]

    async def put(
        self,
        key: str,
        value: Stored | Object,
        *,
        expected: int,
        ttl: int = 0,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Record[Stored]:
        (record,) = await self.commit((Put(key, value, expected, ttl),), requires=requires)
        return record

    async def delete(self, key: str, *, expected: int) -> Record[Stored]:
        (record,) = await self.commit((Delete(key, expected),))
        return record

    async def watch_history(self, prefix: str, after: int) -> AsyncGenerator[Batch[Stored], None]:
        async with aclosing(self._cache.watch_history(prefix, after)) as batches:
            async for batch in batches:
                yield Batch(batch.revision, [self._event(event) for event in batch.events])

    def _to_stored(self, change: Change[Stored | Object]) -> Change[Stored]:
        if isinstance(change, Delete):
            return change
        value = change.value
        document = value.object if isinstance(value, Stored) else value
        if change.key.startswith(self._prefix):
            document = self._conversion.to_stored(document)
        stored = cast("Stored", document)  # the codec takes objects too
        return Put(change.key, stored, change.expected, change.ttl)

    def _event(self, event: Event[Stored]) -> Event[Stored]:
        return Event(
            event.key,
            event.revision,
            self._optional(event.record),
            self._optional(event.previous),
        )

    def _conflict(self, conflict: RevisionConflict) -> RevisionConflict:
        current = self._optional(conflict.current)
        return RevisionConflict(conflict.key, conflict.expected, current)

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
    """A watcher whose events are converted when they are taken."""

    __slots__ = ("_convert", "_watcher")

    def __init__(
        self, watcher: Watcher[Stored], convert: Callable[[Event[Stored]], Event[Stored]]
    ) -> None:
        self._watcher = watcher
        self._convert = convert

    @property
    def idle(self) -> bool:
        return self._watcher.idle

    @property
    def wake(self) -> Callable[[], None] | None:
        return self._watcher.wake

    @wake.setter
    def wake(self, wake: Callable[[], None] | None) -> None:
        self._watcher.wake = wake

    def take_parts(self) -> Sequence[Sequence[Event[Stored]]]:
        return [[self._convert(event) for event in part] for part in self._watcher.take_parts()]

    def close(self) -> None:
        self._watcher.close()


#: The store as a resource sees it.
ObjectStore: TypeAlias = WatchCache[Stored] | ConvertedStore
