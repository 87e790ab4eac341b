"""Objects below a prefix by one value that selectors compare: that of a label or of a field.

Without an index, a list reads all objects even if few of them match. An index is built when the
same value is requested for the second time among many objects. Later lists apply the changes since
the previous one, so an index does not slow down writes, and a list costs what it returns and what
has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Hashable, Sequence
from typing import Final

from apiserver.registry.selected_values import UNREADABLE, ValueReader
from apiserver.registry.stored import Stored
from apiserver.registry.view import ObjectView
from apiserver.registry.yielding import Yielder, batches
from storage.errors import Compacted
from storage.interface import Event, Record

#: An index is built for more than this many objects.
MANY: Final = 1000
#: Groups of more objects are not sorted: reading all objects is not much slower.
MAX_KEYS_PER_VALUE: Final = 2000
#: How many keys all indexes of a resource may contain; the oldest ones are dropped.
MAX_KEYS: Final = 500_000
_MAX_ASKED: Final = 256


class ValueIndexes:
    """The indexes of one resource, made as they are needed."""

    def __init__(self) -> None:
        self._indexes: dict[Hashable, ValueIndex] = {}
        # Indexes that were requested once; a dict serves as an ordered set.
        self._asked: dict[Hashable, None] = {}

    def __len__(self) -> int:
        return len(self._indexes)

    async def keys(
        self, store: ObjectView, prefix: str, reader: ValueReader, value: str
    ) -> Collection[str] | None:
        """Return the keys of the objects with a value, ``None`` if another way is better.

        They are those as of the store's `cached_revision`, in any order.
        """
        index = self._index(store, prefix, reader) if value else None
        if index is None:
            return None
        try:
            keys = await index.keys(value)
        except UNREADABLE:
            # An object cannot be read. The caller reads the objects and reports the error.
            self._indexes = {key: each for key, each in self._indexes.items() if each is not index}
            return None
        return keys if len(keys) <= MAX_KEYS_PER_VALUE else None

    def _index(self, store: ObjectView, prefix: str, reader: ValueReader) -> ValueIndex | None:
        key = prefix, reader
        found = self._indexes.pop(key, None)
        if found is None:
            page = store.list_cached(prefix, limit=1)
            if page.remaining < MANY or not self._is_asked_again(key):
                return None
            found = ValueIndex(store, prefix, reader)
            self._make_room(page.remaining)
        self._indexes[key] = found
        return found

    def _is_asked_again(self, key: Hashable) -> bool:
        if key in self._asked:
            del self._asked[key]
            return True
        self._asked[key] = None
        if len(self._asked) > _MAX_ASKED:
            del self._asked[next(iter(self._asked))]
        return False

    def _make_room(self, keys: int) -> None:
        keys += sum(map(len, self._indexes.values()))
        while self._indexes and keys > MAX_KEYS:
            keys -= len(self._indexes.pop(next(iter(self._indexes))))


class ValueIndex:
    """The keys of the objects below a prefix by the value that ``reader`` reads, unless empty."""

    def __init__(self, store: ObjectView, prefix: str, reader: ValueReader) -> None:
        self._store = store
        self._prefix = prefix
        self._reader = reader
        self._by_value: dict[str, dict[str, None]] = {}
        self._size = 0
        # The revision of the cache as of which the index is complete.
        self._revision: int | None = None
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        return self._size

    async def keys(self, value: str) -> Collection[str]:
        """Return the keys of the objects with a value as of the store's `cached_revision`.

        Raises Corrupt, or the error of an object of the wrong form.
        """
        async with self._turn:
            yielder = Yielder()
            while self._revision != self._store.cached_revision:
                # The cache may change while other tasks run.
                await self._catch_up(yielder)
        return self._by_value.get(value, {})

    async def _catch_up(self, yielder: Yielder) -> None:
        try:
            changes = None if self._revision is None else self._changes(self._revision)
        except Compacted:
            changes = None
        reached = self._store.cached_revision
        if changes is None:
            await self._build(yielder)
            return
        for batch in batches(changes):
            for event in batch:
                self._move(event)
            await yielder.yield_if_due()
        self._revision = reached

    def _changes(self, after: int) -> Sequence[Event[Stored]]:
        watcher = self._store.subscribe(self._prefix, after)
        try:
            parts = () if watcher.idle else watcher.take_parts()
        finally:
            watcher.close()
        return [event for part in parts for event in part]

    async def _build(self, yielder: Yielder) -> None:
        page = self._store.list_cached(self._prefix)
        self._by_value, self._size, self._revision = {}, 0, None
        for batch in batches(page.records):
            for record in batch:
                self._add(record)
            await yielder.yield_if_due()
        self._revision = page.revision

    def _move(self, event: Event[Stored]) -> None:
        if event.previous is not None:
            self._discard(event.previous)
        if event.record is not None:
            self._add(event.record)

    def _add(self, record: Record[Stored]) -> None:
        value = self._reader.read(record.value)
        if not value:
            return
        keys = self._by_value.setdefault(value, {})
        self._size += record.key not in keys
        keys[record.key] = None

    def _discard(self, record: Record[Stored]) -> None:
        value = self._reader.read(record.value)
        keys = self._by_value.get(value)
        if keys is None or record.key not in keys:
            return
        del keys[record.key]
        self._size -= 1
        if not keys:
            del self._by_value[value]
