"""What the store knows of the past: one object by revision, and what differs between two."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from apiserver.registry.codec import ObjectCodec
from apiserver.registry.registry import Registry
from apiserver.schema.structtypes import struct_of_kind
from storage.interface import FeedStore, Record


class UnknownResource(LookupError):
    """No resource of this name is served."""


class RevisionHistory:
    """Reads old states from a store, as far back as it has been compacted."""

    def __init__(self, registry: Registry, store: FeedStore[bytes], root: str) -> None:
        self._registry = registry
        self._store = store
        self._root = f"{root}/"
        self._codec = ObjectCodec(struct_of_kind)

    async def of_object(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> list[dict[str, Any]]:
        """Return the states of an object: ``revision``, and ``object``, ``None``: it was deleted.

        They are in the stored version. The first one may be older than the history. Raises
        UnknownResource.
        """
        group, _, version = api_version.rpartition("/")
        resource = self._registry.resource(group, version, plural)
        if resource is None:
            raise UnknownResource(f"{plural} of {api_version} are not served")
        key = resource.key(namespace, name)
        begin = self._store.compact_revision()
        states = []
        if begin:
            record = await self._store.get(key, revision=begin)
            if record is not None:
                states.append(self._state(key, record.revision, record))
        now = await self._store.revision()
        async with aclosing(self._store.watch(key, after=begin)) as batches:
            async for batch in batches:
                states += [
                    self._state(key, event.revision, event.record)
                    for event in batch.events
                    if event.key == key
                ]
                if batch.revision >= now:
                    break
        return states

    async def differences(self, before: int, after: int) -> list[dict[str, Any]]:
        """Return what differs between two revisions: ``key``, and its objects ``before``/``after``.

        An object is ``None`` where it does not exist. Raises Compacted or FutureRevision.
        """
        old = await self._objects(before)
        new = await self._objects(after)
        return [
            {
                "key": key.removeprefix(self._root),
                "before": self._object(key, old.get(key)),
                "after": self._object(key, new.get(key)),
            }
            for key in sorted(old.keys() | new.keys())
            if _revision(old.get(key)) != _revision(new.get(key))
        ]

    async def _objects(self, revision: int) -> dict[str, Record[bytes]]:
        page = await self._store.list(self._root, revision=revision)
        return {record.key: record for record in page.records}

    def _state(self, key: str, revision: int, record: Record[bytes] | None) -> dict[str, Any]:
        return {"revision": revision, "object": self._object(key, record)}

    def _object(self, key: str, record: Record[bytes] | None) -> Any:
        if record is None:
            return None
        return self._codec.decode(key, record.value, record.revision).object


def _revision(record: Record[bytes] | None) -> int:
    return 0 if record is None else record.revision
