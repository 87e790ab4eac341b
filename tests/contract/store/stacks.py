"""The stacks of stores that the contract is tested on, and what each claims to be able to do.

==================  ===========================================================================
``restart``         what was acknowledged is there after the store was opened anew
``clock``           time is the test's own, and expiry happens when the test says so
``alone``           it can feed a cache, and no other process writes: it knows its revision
``bookmarks``       open watches tell how far they are when they are asked to
==================  ===========================================================================
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from storage.cache.cache import WatchCache
from storage.codec import CodecStore
from storage.etcd.store import EtcdStore
from storage.interface import Store
from storage.memory import MemoryStore
from storage.observed import ObservedStore
from storage.sqlite.store import SQLiteStore
from storage.transform import TransformStore
from tests.waiting import PATIENCE

_numbers = itertools.count()


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Setting:
    """A store, where it may be written to, and what a test may do to it."""

    store: Store[Any]
    root: str
    #: Makes a value of this store.
    value: Callable[[str], Any]
    #: How long to wait for what must come.
    timeout: float
    reopen: Callable[[], Awaitable[Store[Any]]]
    #: Lets time pass, where the clock is the test's.
    elapse: Callable[[float], Awaitable[None]]

    def key(self, name: str) -> str:
        """Return a key of this test's own."""
        return self.root + name


class JSONCodec:
    """`storage.codec.Codec` of JSON documents."""

    def encode(self, value: dict[str, Any]) -> bytes:
        return json.dumps(value).encode()

    def decode(self, key: str, data: bytes, revision: int) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(data)
        return document


@dataclass
class _Opened:
    """A stack that is open: its store and the one at its bottom that keeps the data."""

    store: Store[Any]
    bottom: Any


class ByKey:
    """`storage.transform.Transformer` whose stored form depends on the key."""

    async def to_storage(self, key: str, value: bytes) -> bytes:
        return b"%s:%s" % (key.encode(), value[::-1])

    async def from_storage(self, key: str, data: bytes) -> bytes:
        prefix = key.encode() + b":"
        # What another transformer has written, or nobody has transformed, is no value of a test.
        return data[len(prefix) :][::-1] if data.startswith(prefix) else b"unreadable"


Build = Callable[[Store[Any], str, AsyncExitStack], Awaitable[Store[Any]]]


async def _bare(store: Store[Any], root: str, stack: AsyncExitStack) -> Store[Any]:
    return store


async def _codec(store: Store[Any], root: str, stack: AsyncExitStack) -> Store[Any]:
    return CodecStore(store, JSONCodec())


async def _observed(store: Store[Any], root: str, stack: AsyncExitStack) -> Store[Any]:
    return ObservedStore(store, lambda operation, seconds, failed: None)


async def _transformed(store: Store[Any], root: str, stack: AsyncExitStack) -> Store[Any]:
    return TransformStore(store, ByKey())


async def _cached(store: Store[Any], root: str, stack: AsyncExitStack) -> Store[Any]:
    return await stack.enter_async_context(WatchCache(store, root))


async def _forgetful(store: Store[Any], root: str, stack: AsyncExitStack) -> Store[Any]:
    # So few events are remembered that nearly every watch begins in the history of the store.
    return await stack.enter_async_context(WatchCache(store, root, window=1))


async def _cached_codec(store: Store[Any], root: str, stack: AsyncExitStack) -> Store[Any]:
    return await _cached(await _codec(store, root, stack), root, stack)


async def _whole(store: Store[Any], root: str, stack: AsyncExitStack) -> Store[Any]:
    observed = await _observed(store, root, stack)
    return await _cached_codec(await _transformed(observed, root, stack), root, stack)


def _text(text: str) -> bytes:
    return text.encode()


def _document(text: str) -> dict[str, Any]:
    return {"text": text}


@dataclass(frozen=True)
class Stack:
    """How to open a store of one kind."""

    backend: str
    build: Build = _bare
    value: Callable[[str], Any] = _text
    can: frozenset[str] = field(default_factory=frozenset)
    timeout: float = PATIENCE
    memory: Callable[[Clock], MemoryStore] = MemoryStore

    @property
    def on_etcd(self) -> bool:
        """Whether the stack needs an etcd."""
        return self.backend == "etcd"

    @asynccontextmanager
    async def opened(self, place: str) -> AsyncIterator[Setting]:
        """Open a store: in a file, or on the etcd at this URL."""
        clock = Clock()
        # An etcd is shared, so every test has a root of its own.
        root = f"/test-{os.getpid()}-{next(_numbers)}/"
        async with AsyncExitStack() as closing:
            opened = await self._open(place, root, clock, closing)

            async def reopen() -> Store[Any]:
                await closing.aclose()
                anew = await self._open(place, root, clock, closing)
                setting.store = anew.store
                opened.bottom = anew.bottom
                return anew.store

            async def elapse(seconds: float) -> None:
                clock.now += seconds
                await opened.bottom.expire()

            setting = Setting(opened.store, root, self.value, self.timeout, reopen, elapse)
            yield setting

    async def _open(self, place: str, root: str, clock: Clock, closing: AsyncExitStack) -> _Opened:
        bottom: Any
        if self.backend == "etcd":
            bottom = await EtcdStore.open([place])
        elif self.backend == "sqlite":
            bottom = await SQLiteStore.open(place, clock)
        else:
            bottom = self.memory(clock)
        closing.push_async_callback(bottom.close)
        return _Opened(await self.build(bottom, root, closing), bottom)


_MEMORY: Final = frozenset({"clock", "alone", "bookmarks"})
_SQLITE: Final = _MEMORY | {"restart"}
_CACHED_MEMORY: Final = _MEMORY - {"alone"}
_CACHED_SQLITE: Final = _SQLITE - {"alone"}
_ETCD: Final = frozenset({"restart"})

STACKS: Final = {
    "memory": Stack("memory", can=_MEMORY),
    "sqlite": Stack("sqlite", can=_SQLITE),
    "etcd": Stack("etcd", can=_ETCD),
    "codec-over-memory": Stack("memory", _codec, _document, _MEMORY),
    "transform-over-memory": Stack("memory", _transformed, can=_MEMORY),
    "observed-over-memory": Stack("memory", _observed, can=_MEMORY),
    "cache-over-memory": Stack("memory", _cached, can=_CACHED_MEMORY),
    "cache-over-codec-over-memory": Stack("memory", _cached_codec, _document, _CACHED_MEMORY),
    "cache-over-sqlite": Stack("sqlite", _cached, can=_CACHED_SQLITE),
    "forgetful-cache-over-sqlite": Stack("sqlite", _forgetful, can=_CACHED_SQLITE),
    "cache-over-etcd": Stack("etcd", _cached, can=_ETCD),
    "forgetful-cache-over-etcd": Stack("etcd", _forgetful, can=_ETCD),
    "everything-over-sqlite": Stack("sqlite", _whole, _document, _CACHED_SQLITE),
    "everything-over-etcd": Stack("etcd", _whole, _document, _ETCD),
}
