"""ConvertedView: the objects of a resource in a version other than the stored one.

An object is converted when it is first needed. The result is cached with its record, so it is
computed once and lives as long as the record. The cache holds bytes, not objects: a record that was
listed in two versions takes about twice its size in memory.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Final, overload

from apiserver.registry.converted_stored import ConvertedStored
from apiserver.registry.stored import Stored
from apiserver.registry.view import EventWatcher, ObjectView
from apiserver.registry.yielding import Yielder, batches
from apiserver.resources.conversion import Conversion
from apiserver.schema.kindtypes import Inconvertible
from storage.cache.cache import FRESHNESS_TIMEOUT
from storage.conditions import WatchCondition
from storage.errors import Corrupt, RevisionConflict
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

# The cost of a record that was converted before is negligible.
_BATCH_SIZE: Final = 1000


class ConvertedView(ObjectView):
    """A view over another view: values below ``prefix`` are converted when read and written.

    Values of other keys (a namespace, for example) are passed through.
    """

    def __init__(self, inner: ObjectView, conversion: Conversion, prefix: str) -> None:
        self._inner = inner
        self._conversion = conversion
        self._prefix = prefix

    @property
    def cached_revision(self) -> int:
        return self._inner.cached_revision

    def get_cached(self, key: str) -> Record[Stored] | None:
        return self._optional(self._inner.get_cached(key))

    def get_newest_known(self, key: str) -> Record[Stored] | None:
        return self._optional(self._inner.get_newest_known(key))

    def list_cached(self, prefix: str, *, start: str = "", limit: int = 0) -> Page[Stored]:
        page = self._inner.list_cached(prefix, start=start, limit=limit)
        records = page.records
        if len(records) > _BATCH_SIZE:
            records = _ConvertedRecords(records, self._records)
        else:
            records = self._records(records)
        return Page(records, page.revision, page.remaining)

    def last_change(self, prefix: str) -> int:
        return self._inner.last_change(prefix)

    def subscribe(
        self,
        prefix: str,
        after: int,
        *,
        exact: bool = False,
        condition: WatchCondition[Stored] | None = None,
    ) -> EventWatcher:
        # The condition is about the served form, which is made when events are taken.
        return _ConvertedWatcher(self._inner.subscribe(prefix, after, exact=exact), self._event)

    async def watch_history(self, prefix: str, after: int) -> AsyncGenerator[Batch[Stored], None]:
        async with aclosing(self._inner.watch_history(prefix, after)) as batches:
            async for batch in batches:
                yield Batch(batch.revision, [self._event(event) for event in batch.events])

    async def wait_for_revision(self, revision: int, timeout: float = FRESHNESS_TIMEOUT) -> bool:
        return await self._inner.wait_for_revision(revision, timeout)

    async def wait_until_fresh(self) -> bool:
        return await self._inner.wait_until_fresh()

    async def revision(self) -> int:
        return await self._inner.revision()

    async def get(self, key: str, *, revision: int = LATEST) -> Record[Stored] | None:
        return self._optional(await self._inner.get(key, revision=revision))

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[Stored]:
        page = await self._inner.list(prefix, start=start, limit=limit, revision=revision)
        yielder = Yielder()
        records: list[Record[Stored]] = []
        for batch in batches(page.records, _BATCH_SIZE):
            records += self._records(batch)
            await yielder.yield_if_due()
        return Page(records, page.revision, page.remaining)

    async def commit(
        self, changes: Sequence[Change[Stored]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[Stored]]:
        stored = [self._to_stored(change) for change in changes]
        try:
            records = await self._inner.commit(stored, requires=requires)
        except RevisionConflict as conflict:
            current = self._optional(conflict.current)
            raise RevisionConflict(conflict.key, conflict.expected, current) from conflict
        return [
            self._own_record(record)
            if written is change and isinstance(change, Put)
            else self._record(record)
            for record, written, change in zip(records, stored, changes, strict=True)
        ]

    def _to_stored(self, change: Change[Stored]) -> Change[Stored]:
        if isinstance(change, Delete) or not change.key.startswith(self._prefix):
            return change
        document = change.value.object
        try:
            converted = self._conversion.to_stored(document)
        except Inconvertible as error:
            raise Corrupt(change.key, str(error)) from error
        if converted is document:
            return change
        value = Stored.to_write(converted)
        return Put(change.key, value, change.expected, change.ttl, change.frees)

    def _event(self, event: Event[Stored]) -> Event[Stored]:
        return Event(
            event.key,
            event.revision,
            self._optional(event.record),
            self._optional(event.previous),
        )

    def _records(self, records: Sequence[Record[Stored]]) -> Sequence[Record[Stored]]:
        # Usually all of them were converted before.
        convert = self._conversion.to_served
        known = [record.value.converted.get(convert) for record in records]
        converted = [record for record in known if record]
        if len(converted) < len(known):
            return [self._record(record) for record in records]
        return converted

    def _optional(self, record: Record[Stored] | None) -> Record[Stored] | None:
        return None if record is None else self._record(record)

    def _record(self, record: Record[Stored]) -> Record[Stored]:
        stored, convert = record.value, self._conversion.to_served
        known = stored.converted.get(convert)
        if known is not None:
            return known
        if not record.key.startswith(self._prefix):
            return record
        return self._kept(record, self._form(stored))

    def _own_record(self, record: Record[Stored]) -> Record[Stored]:
        """Return the record of a write that needed no conversion."""
        stored, convert = record.value, self._conversion.to_served
        foreign = not record.key.startswith(self._prefix)
        if foreign or convert in stored.converted or not self._conversion.settled:
            return self._record(record)
        return self._kept(record, self._form(stored, own=True))

    def _form(self, stored: Stored, *, own: bool = False) -> Stored:
        return ConvertedStored(stored, self._conversion, own=own)

    def _kept(self, record: Record[Stored], value: Stored) -> Record[Stored]:
        converted = Record(record.key, value, record.revision, record.created)
        record.value.keep_converted(self._conversion.to_served, converted)
        return converted


class _ConvertedRecords(Sequence[Record[Stored]]):
    """Records that are converted when they are read, because there are many."""

    def __init__(
        self,
        records: Sequence[Record[Stored]],
        convert: Callable[[Sequence[Record[Stored]]], Sequence[Record[Stored]]],
    ) -> None:
        self._records = records
        self._convert = convert

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record[Stored]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record[Stored]]: ...
    def __getitem__(self, index: int | slice) -> Record[Stored] | Sequence[Record[Stored]]:
        if isinstance(index, slice):
            return self._convert(self._records[index])
        return self._convert([self._records[index]])[0]


class _ConvertedWatcher:
    """A watcher that converts its events when they are taken."""

    __slots__ = ("_convert", "_watcher")

    def __init__(
        self, watcher: EventWatcher, convert: Callable[[Event[Stored]], Event[Stored]]
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
