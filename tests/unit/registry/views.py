"""Widgets, which are stored in v1 and served in v2, in a store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from apiserver.registry.codec import ObjectCodec
from apiserver.registry.stored import Stored
from apiserver.schema.structtypes import struct_of_kind
from storage.cache.cache import WatchCache
from storage.codec import CodecStore
from storage.interface import ABSENT
from storage.memory import MemoryStore

PREFIX = "/r/widgets/"
View = TypeVar("View")


class Views(Generic[View]):
    """The same objects in both versions: as they are stored, and through a view."""

    def __init__(self, store: MemoryStore, cache: WatchCache[Stored], served: View) -> None:
        self.store = store
        self.stored = cache
        self.served = served

    async def make(self, *names: str, version: str = "v1") -> None:
        """Store objects."""
        for name in names:
            await self.stored.put(PREFIX + name, widget(name, version), expected=ABSENT)
        assert await self.stored.wait_until_fresh()


def widget(name: str, version: str = "v1", **members: object) -> Stored:
    """Return an object to store."""
    document = {"kind": "Widget", "apiVersion": version, "metadata": {"name": name}, **members}
    return Stored.to_write(document)


@asynccontextmanager
async def cached_store() -> AsyncIterator[tuple[MemoryStore, WatchCache[Stored]]]:
    """Yield a store and its cache; both are closed with the block."""
    store = MemoryStore()
    async with WatchCache(CodecStore(store, ObjectCodec(struct_of_kind)), "/r/") as cache:
        yield store, cache
    await store.close()
