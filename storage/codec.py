"""CodecStore: a store of values on top of a store of bytes, converted by a given codec."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol, TypeVar

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
from storage.slices import slices
from storage.wrapper import StoreWrapper

V = TypeVar("V")


class Codec(Protocol[V]):
    """Converts values to bytes and back."""

    def encode(self, value: V) -> bytes:
        """Return the bytes to store."""
        ...

    def decode(self, key: str, data: bytes, revision: int) -> V:
        """Return the value for ``data``. Must not raise; using the value may raise instead."""
        ...


class CodecStore(StoreWrapper[V, bytes]):
    """Store[V] on top of Store[bytes]."""

    def __init__(self, inner: FeedStore[bytes], codec: Codec[V]) -> None:
        super().__init__(inner)
        self._codec = codec

    async def get(self, key: str, *, revision: int = LATEST) -> Record[V] | None:
        return self._decoded(await self._inner.get(key, revision=revision))

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[V]:
        page = await self._inner.list(prefix, start=start, limit=limit, revision=revision)
        records: list[Record[V]] = []
        for few in slices(page.records):
            records += map(self._record, few)
            if len(records) < len(page.records):
                await asyncio.sleep(0)
        return Page(records, page.revision, page.remaining)

    async def commit(
        self, changes: Sequence[Change[V]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[V]]:
        encoded = [self._encoded(change) for change in changes]
        try:
            records = await self._inner.commit(encoded, requires=requires)
        except RevisionConflict as conflict:
            raise self._conflict(conflict) from conflict
        return [self._record(record) for record in records]

    async def _batches(
        self, inner: AsyncGenerator[Batch[bytes], None]
    ) -> AsyncGenerator[Batch[V], None]:
        async with aclosing(inner) as batches:
            async for batch in batches:
                yield Batch(batch.revision, [self._event(event) for event in batch.events])

    def _encoded(self, change: Change[V]) -> Change[bytes]:
        if isinstance(change, Delete):
            return change
        value = self._codec.encode(change.value)
        return Put(change.key, value, change.expected, change.ttl, change.frees)

    def _record(self, record: Record[bytes]) -> Record[V]:
        value = self._codec.decode(record.key, record.value, record.revision)
        return Record(record.key, value, record.revision, record.created)

    def _decoded(self, record: Record[bytes] | None) -> Record[V] | None:
        return None if record is None else self._record(record)

    def _event(self, event: Event[bytes]) -> Event[V]:
        return Event(
            event.key, event.revision, self._decoded(event.record), self._decoded(event.previous)
        )

    def _conflict(self, conflict: RevisionConflict) -> RevisionConflict:
        return RevisionConflict(conflict.key, conflict.expected, self._decoded(conflict.current))
