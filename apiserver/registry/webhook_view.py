"""WebhookView: the objects of a resource in a version to which a webhook converts them.

Converted objects are cached with their records, as in any `ConvertedView`: the webhook is called
once for each record and version, with all objects of a page or of a batch of events. Readers of
records in memory await `WebhookView.ready` before they look at objects. Concurrent requests for the
same objects share one call, and its error.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from contextlib import aclosing
from functools import partial
from itertools import takewhile
from typing import Final

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.converted_stored import ConvertedStored
from apiserver.registry.converted_view import ConvertedView
from apiserver.registry.stored import Stored
from apiserver.registry.view import EventWatcher, ObjectView
from apiserver.registry.yielding import Yielder, batches
from apiserver.resources.conversion import BatchConversion, Conversion, Uncalled
from apiserver.schema.asyncresults import ResultNeeded, retry_with_results, run_with_results
from apiserver.schema.kindtypes import Inconvertible
from storage.conditions import WatchCondition
from storage.errors import Corrupt, RevisionConflict, StorageError
from storage.interface import NO_REQUIREMENTS, Batch, Change, Event, Record

#: How much one request to a webhook contains: objects, and bytes of them.
_MAX_OBJECTS: Final = 500
_MAX_BYTES: Final = 1024 * 1024


@valueclass
class _Failure:
    """The reason why some objects of a request could not be converted."""

    error: StorageError
    values: Collection[WebhookStored]


class WebhookStored(ConvertedStored):
    """A stored object in another version, which may have to be converted before it is looked at.

    ``pending`` is set while it is being converted.
    """

    __slots__ = ("_view", "pending")

    def __init__(
        self, source: Stored, conversion: Conversion, view: WebhookView, *, own: bool = False
    ) -> None:
        super().__init__(source, conversion, own=own)
        self._view = view
        self.pending: asyncio.Future[_Failure | None] | None = None

    def needs_conversion(self, api_version: str) -> bool:
        """Return whether the object has to be converted to this version. Raises Corrupt."""
        source = self._source
        return source is not None and not self._own and source.api_version != api_version

    def read(self, read: Callable[[Object], Object]) -> Object:
        """Return the object to convert: the result of ``read`` for the stored one."""
        assert self._source is not None
        try:
            return read(self._source.object)
        except Inconvertible as error:
            raise Corrupt(self.key, str(error)) from error

    def fill(self, document: Object) -> None:
        """Set the converted object."""
        if self._source is not None:
            self._keep(document)

    def _to_served(self, document: Object) -> Object:
        try:
            return super()._to_served(document)
        except ResultNeeded as missing:
            raise ResultNeeded(missing.key, partial(self._view.ready_values, [self])) from missing


class WebhookView(ConvertedView):
    """A view over another view whose values a webhook converts."""

    def __init__(
        self, inner: ObjectView, conversion: Conversion, webhook: BatchConversion, prefix: str
    ) -> None:
        super().__init__(inner, conversion, prefix)
        self._webhook = webhook

    async def ready(self, records: Sequence[Record[Stored]]) -> None:
        """Convert the objects that have not been converted yet. Raises Corrupt."""
        yielder = Yielder()
        for batch in batches(records, _MAX_OBJECTS):
            values = (record.value for record in batch)
            await self.ready_values([each for each in values if isinstance(each, WebhookStored)])
            await yielder.yield_if_due()

    async def ready_values(self, values: Sequence[WebhookStored]) -> None:
        """Convert the objects that have not been converted yet. Raises Corrupt."""
        served, yielder = self._webhook.served, Yielder()
        for batch in batches(values, _MAX_OBJECTS):
            for request in _requests([each for each in batch if each.needs_conversion(served)]):
                while waiting := [each for each in request if each.needs_conversion(served)]:
                    pending = {each.pending for each in waiting if each.pending is not None}
                    free = [each for each in waiting if each.pending is None]
                    if free:
                        await self._convert(free)
                    if pending:
                        await _joined(pending, waiting)
            await yielder.yield_if_due()

    async def ready_events(self, events: Iterable[Event[Stored]]) -> None:
        """Convert the objects of events, before and after. Raises Corrupt."""
        await self.ready([record for event in events for record in _records_of(event)])

    def is_ready(self, event: Event[Stored]) -> bool:
        """Return whether the objects of an event have been converted. Raises Corrupt."""
        served = self._webhook.served
        values = [record.value for record in _records_of(event)]
        return not any(
            isinstance(each, WebhookStored) and each.needs_conversion(served) for each in values
        )

    def as_stored(self) -> ObjectView:
        """Return a view of the same objects in the versions in which they are stored."""
        return ConvertedView(self._inner, Conversion(_unchanged, self._webhook.read), self._prefix)

    async def written(self, document: Object) -> Object:
        """Return an object as it would be read after it has been written. Raises Corrupt."""
        conversion, webhook = self._conversion, self._webhook
        if webhook.served == webhook.stored:
            return document
        try:
            return await run_with_results(
                lambda: conversion.to_served(conversion.to_stored(document))
            )
        except Inconvertible as error:
            raise Corrupt(self._prefix, str(error)) from error

    async def commit(
        self, changes: Sequence[Change[Stored]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[Stored]]:
        try:
            records = await self._commit(changes, requires)
        except RevisionConflict as conflict:
            if conflict.current is not None:
                await self.ready([conflict.current])
            raise
        await self.ready(records)
        return records

    async def _commit(
        self, changes: Sequence[Change[Stored]], requires: Mapping[str, int]
    ) -> Sequence[Record[Stored]]:
        commit = partial(super().commit, changes, requires=requires)
        try:
            return await commit()
        except ResultNeeded as missing:
            # The objects are converted before anything is committed.
            return await retry_with_results(missing, commit)

    async def watch_history(self, prefix: str, after: int) -> AsyncGenerator[Batch[Stored], None]:
        async with aclosing(super().watch_history(prefix, after)) as batches:
            async for batch in batches:
                await self.ready_events(batch.events)
                yield batch

    def subscribe(
        self,
        prefix: str,
        after: int,
        *,
        exact: bool = False,
        condition: WatchCondition[Stored] | None = None,
    ) -> EventWatcher:
        return _WebhookWatcher(super().subscribe(prefix, after, exact=exact), self)

    def _form(self, stored: Stored, *, own: bool = False) -> Stored:
        return WebhookStored(stored, self._conversion, self, own=own)

    async def _convert(self, values: Sequence[WebhookStored]) -> None:
        """Convert objects that are not pending. Raises Corrupt."""
        done: asyncio.Future[_Failure | None] = asyncio.get_running_loop().create_future()
        for value in values:
            value.pending = done
        failure: _Failure | None = None
        try:
            failure = await self._fill(values)
        finally:
            for value in values:
                value.pending = None
            done.set_result(failure)
        if failure is not None:
            raise failure.error

    async def _fill(self, values: Sequence[WebhookStored]) -> _Failure | None:
        """Convert objects, in order, up to the first failure."""
        webhook, yielder = self._webhook, Yielder()
        documents: list[Object] = []
        for value in values:
            try:
                documents.append(value.read(webhook.read))
            except StorageError as error:
                return _Failure(error, (value,))
            await yielder.yield_if_due()
        filled = 0
        try:
            async with aclosing(webhook.convert_batch(documents, webhook.served)) as converted:
                async for document in converted:
                    values[filled].fill(webhook.pruned(document))
                    filled += 1
                    await yielder.yield_if_due()
        except Inconvertible as error:
            corrupt = Corrupt(values[filled].key, str(error))
            corrupt.__cause__ = error
            uncalled = isinstance(error, Uncalled)
            return _Failure(corrupt, values[filled:] if uncalled else (values[filled],))
        return None


class _WebhookWatcher:
    """A watcher whose events are converted, by a task of its own, before they can be taken.

    It converts the pending events, and the next ones when these have been taken: converted events
    do not accumulate for a slow reader.
    """

    __slots__ = ("_error", "_parts", "_task", "_view", "_watcher", "wake")

    def __init__(self, watcher: EventWatcher, view: WebhookView) -> None:
        self._watcher = watcher
        self._view = view
        self._parts: Sequence[Sequence[Event[Stored]]] = ()
        self._error: Exception | None = None
        self._task: asyncio.Task[None] | None = None
        self.wake: Callable[[], None] | None = None
        watcher.wake = self._begin
        self._begin()

    @property
    def idle(self) -> bool:
        return not self._parts and self._error is None and self._task is None

    def take_parts(self) -> Sequence[Sequence[Event[Stored]]]:
        parts, self._parts = self._parts, ()
        if not parts and self._error is not None:
            raise self._error
        self._begin()
        return parts

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._watcher.wake = None
        self._watcher.close()

    def _begin(self) -> None:
        if self.idle and not self._watcher.idle:
            self._task = asyncio.create_task(self._convert(), name="conversion of watch events")

    async def _convert(self) -> None:
        ready: list[Sequence[Event[Stored]]] = []
        try:
            for part in self._watcher.take_parts():
                try:
                    await self._view.ready_events(part)
                except Corrupt:
                    # The events before the one that cannot be converted are not lost.
                    ready.append(list(takewhile(self._view.is_ready, part)))
                    raise
                ready.append(part)
        except Exception as error:  # noqa: BLE001  # it is raised for the reader, after the events
            self._error = error
        finally:
            self._task = None
        self._parts = [part for part in ready if part]
        if self.wake is not None:
            self.wake()


def _requests(values: Sequence[WebhookStored]) -> Iterator[Sequence[WebhookStored]]:
    """Yield the objects in the parts that are sent in one request each."""
    part: list[WebhookStored] = []
    size = 0
    for value in values:
        if part and (len(part) == _MAX_OBJECTS or size + value.size > _MAX_BYTES):
            yield part
            part, size = [], 0
        part.append(value)
        size += value.size
    if part:
        yield part


async def _joined(
    pending: Set[asyncio.Future[_Failure | None]], waiting: Sequence[WebhookStored]
) -> None:
    """Wait for conversions that others have begun. Raises Corrupt if one of ``waiting`` failed."""
    await asyncio.wait(pending)
    for each in pending:
        failure = each.result()
        if failure is not None and any(value in failure.values for value in waiting):
            raise failure.error


def _records_of(event: Event[Stored]) -> Iterator[Record[Stored]]:
    for record in (event.record, event.previous):
        if record is not None:
            yield record


def _unchanged(document: Object) -> Object:
    return document
