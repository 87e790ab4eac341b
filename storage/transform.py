"""TransformStore: keeps values in another form than they are used in, encrypted for example.

Values are bytes on both sides. A `Transformer` is a parameter; it decides by the key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from storage.errors import RevisionConflict
from storage.interface import (
    LATEST,
    NO_REQUIREMENTS,
    Batch,
    Change,
    Delete,
    Event,
    FeedStore,
    Page,
    Put,
    Record,
)
from storage.wrapper import StoreWrapper

#: Other tasks run after so many bytes of values, or so many records, of a page.
_SLICE_BYTES: Final = 1 << 20
_SLICE_RECORDS: Final = 500


class Stale(bytes):
    """A value whose stored form is not the one that it would be written in now."""


class Unreadable(bytes):
    """The stored form of a value that cannot be transformed, and the reason."""

    reason: str

    def __new__(cls, data: bytes, reason: str) -> Unreadable:
        value = super().__new__(cls, data)
        value.reason = reason
        return value


class Transformer(Protocol):
    """Converts values to their stored form and back."""

    async def to_storage(self, key: str, value: bytes) -> bytes:
        """Return the bytes to store. Raises TransformError."""
        ...

    async def from_storage(self, key: str, data: bytes) -> bytes:
        """Return the value for ``data``: bytes, `Stale` or `Unreadable`. Must not raise."""
        ...


class TransformStore(StoreWrapper[bytes, bytes]):
    """Store[bytes] on top of Store[bytes]."""

    def __init__(self, inner: FeedStore[bytes], transformer: Transformer) -> None:
        super().__init__(inner)
        self._transformer = transformer

    async def get(self, key: str, *, revision: int = LATEST) -> Record[bytes] | None:
        return await self._restored(await self._inner.get(key, revision=revision))

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        page = await self._inner.list(prefix, start=start, limit=limit, revision=revision)
        records: list[Record[bytes]] = []
        size = 0
        for record in page.records:
            records.append(await self._record(record))
            size += len(record.value)
            if size > _SLICE_BYTES or len(records) % _SLICE_RECORDS == 0:
                size = 0
                await asyncio.sleep(0)
        return Page(records, page.revision, page.remaining)

    async def commit(
        self, changes: Sequence[Change[bytes]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        stored = [await self._stored(change) for change in changes]
        try:
            records = await self._inner.commit(stored, requires=requires)
        except RevisionConflict as conflict:
            current = await self._restored(conflict.current)
            raise RevisionConflict(conflict.key, conflict.expected, current) from conflict
        return [
            Record(record.key, change.value, record.revision, record.created)
            if isinstance(change, Put)
            else await self._record(record)
            for change, record in zip(changes, records, strict=True)
        ]

    async def _batches(
        self, inner: AsyncGenerator[Batch[bytes], None]
    ) -> AsyncGenerator[Batch[bytes], None]:
        async with aclosing(inner) as batches:
            async for batch in batches:
                yield Batch(batch.revision, [await self._event(event) for event in batch.events])

    async def _stored(self, change: Change[bytes]) -> Change[bytes]:
        if isinstance(change, Delete):
            return change
        value = await self._transformer.to_storage(change.key, change.value)
        return Put(change.key, value, change.expected, change.ttl, change.frees)

    async def _record(self, record: Record[bytes]) -> Record[bytes]:
        value = await self._transformer.from_storage(record.key, record.value)
        if value is record.value:
            return record
        return Record(record.key, value, record.revision, record.created)

    async def _restored(self, record: Record[bytes] | None) -> Record[bytes] | None:
        return None if record is None else await self._record(record)

    async def _event(self, event: Event[bytes]) -> Event[bytes]:
        return Event(
            event.key,
            event.revision,
            await self._restored(event.record),
            await self._restored(event.previous),
        )
