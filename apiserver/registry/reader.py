"""Readers of objects in the cache, for code that cannot wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, TypeVar

from apiserver.client.client import Reader
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.registry.resource import CachedList, Find, Resource
from apiserver.registry.stored import Stored
from apiserver.registry.view import ObjectView
from apiserver.schema.asyncresults import ResultNeeded
from storage.interface import ABSENT, Record

T = TypeVar("T")

#: How long a thread waits for the event loop, in seconds: a loop that has ended does not answer.
_TIMEOUT: Final = 30.0
#: How many lists of a resource are kept, and the objects of the largest one.
_MAX_LISTS: Final = 1000
_MAX_OBJECTS: Final = 10


class CacheReader:
    """`apiserver.client.client.Reader` over the watch cache."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        found = self._find(*resource)
        if found is None:
            return None
        record = found.store.get_newest_known(found.key(namespace, name))
        return None if record is None else record.value.object

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        found = self._find(*resource)
        if found is None:
            return []
        return _objects(found, found.store.list_cached(found.prefix(namespace)).records)


class TrackedReader:
    """A reader for one decision; it records what was read, so that the decision can be verified.

    ``seen`` are records by key that the store itself has returned since the write began: the cache
    may not have them yet.
    """

    __slots__ = ("_find", "_lists", "_records", "_seen")

    def __init__(self, find: Find, seen: dict[str, Record[Stored] | None]) -> None:
        self._find = find
        self._seen = seen
        self._records: dict[str, tuple[ObjectView, int]] = {}
        self._lists: dict[str, tuple[ObjectView, int]] = {}

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        found = self._find(*resource)
        if found is None:
            return None
        record = self.record(found.store, found.key(namespace, name))
        return None if record is None else record.value.object

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        found = self._find(*resource)
        if found is None:
            return []
        store, prefix = found.store, found.prefix(namespace)
        changed = store.last_change(prefix)
        self._lists[prefix] = store, changed
        # Every write reads the few quotas and limits of its namespace, which seldom change.
        known = found.listed.get(prefix)
        if known is not None and known.revision == changed:
            return known.objects
        objects = _objects(found, store.list_cached(prefix).records)
        if len(objects) <= _MAX_OBJECTS:
            if len(found.listed) >= _MAX_LISTS:
                found.listed.clear()
            found.listed[prefix] = CachedList(changed, objects)
        return objects

    def record(self, store: ObjectView, key: str) -> Record[Stored] | None:
        """Return the newest known record of a key."""
        record = self._newest(store, key)
        self._records[key] = store, _revision(record)
        return record

    def is_known(self, store: ObjectView, key: str) -> bool:
        """Return whether a key has a record, without making the decision depend on the record."""
        return self._newest(store, key) is not None

    def holds(self) -> bool:
        """Return whether everything that was read is still unchanged."""
        return all(
            _revision(self._newest(store, key)) == revision
            for key, (store, revision) in self._records.items()
        ) and all(
            store.last_change(prefix) == revision
            for prefix, (store, revision) in self._lists.items()
        )

    async def ask_store(self) -> None:
        """Read the records again from the store, for when the cache cannot be made current.

        Lists are still those of the cache.
        """
        for key, (store, _) in self._records.items():
            self._seen[key] = await store.get(key)

    def _newest(self, store: ObjectView, key: str) -> Record[Stored] | None:
        record = store.get_newest_known(key)
        if key not in self._seen:
            return record
        seen = self._seen[key]
        if seen is None or record is None:
            return seen
        return record if record.revision > seen.revision else seen


class LoopReader:
    """A reader for a thread: another reader, used by the event loop when the thread asks for it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._loop = asyncio.get_running_loop()

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        return self.ask(lambda: self._reader.get(resource, namespace, name))

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        return self.ask(lambda: self._reader.list(resource, namespace))

    def ask(self, read: Callable[[], T]) -> T:
        """Call a function in the event loop; return its result."""

        async def answered() -> T:
            return read()

        return asyncio.run_coroutine_threadsafe(answered(), self._loop).result(_TIMEOUT)


def _objects(resource: Resource, records: Sequence[Record[Stored]]) -> Sequence[Object]:
    """Return the objects of records.

    If a webhook has to convert them, raises ResultNeeded, once for all of them.
    """
    try:
        return [record.value.object for record in records]
    except ResultNeeded as missing:
        assert resource.webhook_view is not None
        raise ResultNeeded(missing.key, partial(resource.webhook_view.ready, records)) from missing


def _revision(record: Record[Stored] | None) -> int:
    return ABSENT if record is None else record.revision
