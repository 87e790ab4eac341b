"""WatchCache: which reads are answered from memory and which go to the store behind.

The cache follows one watch of everything below its root, so it has one revision: the state in
memory is exactly the store's at that revision. A read that must see every acknowledged write asks
the store for its revision, waits until the feed has reached it, and answers from memory; reads
that come while that question is on its way share the next one.

Where the feed does not reach the revision in time (its revision may belong to a key of somebody
else), the read goes to the store itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Generic, TypeVar, cast

from storage.hub import Hub, Watcher
from storage.cache.progress import Progress
from storage.cache.window import Window
from storage.errors import Compacted, StorageError, Unavailable
from storage.interface import LATEST, NO_REQUIREMENTS, Batch, Page, Record, Store

V = TypeVar("V")

WINDOW = 20_000
BACKLOG = 10_000
FRESHNESS_TIMEOUT = 3.0
_RETRY_DELAY = 0.2

log = logging.getLogger(__name__)


class WatchCache(Generic[V]):
    """Store[V] served from memory. Enter it (``async with``) before use."""

    def __init__(self, inner: Store[V], root: str) -> None:
        self._inner = inner
        self._root = root
        self._window: Window[V] = Window(WINDOW)
        self._hub: Hub[V] = Hub(BACKLOG)
        self._progress = Progress()
        self._feed: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[int] | None = None
        self._next: asyncio.Task[int] | None = None

    async def __aenter__(self) -> WatchCache[V]:
        await self._load()
        self._feed = asyncio.create_task(self._follow(), name="watch-cache-feed")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        tasks = [task for task in (self._feed, self._asking, self._next) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._hub.fail(Unavailable("the store is closing"))

    # What only a cache can do: reads of the state in memory, without waiting.

    @property
    def seen(self) -> int:
        """The revision of the state in memory."""
        return self._window.revision

    @property
    def watchers(self) -> int:
        """How many watches are open."""
        return len(self._hub)

    def __len__(self) -> int:
        return len(self._window)

    def peek(self, key: str) -> Record[V] | None:
        """Return the record of ``key`` as of the revision ``seen``."""
        return self._window.get(key)

    def page(self, prefix: str, *, start: str = "", limit: int = 0) -> Page[V]:
        """Return records as of the revision ``seen``."""
        return self._window.page(prefix, start, limit)

    def subscribe(self, prefix: str, after: int) -> Watcher[V]:
        """Return a watcher of what follows ``after``. Raises Compacted where memory lacks it."""
        if after < self._window.oldest:
            raise Compacted(after, self._window.oldest)
        watcher = self._hub.join(prefix, after)
        missed = self._window.since(after, prefix)
        if missed:
            watcher.offer(missed)
        return watcher

    async def reach(self, revision: int, patience: float = FRESHNESS_TIMEOUT) -> bool:
        """Wait until the state in memory is at least as new as ``revision``."""
        return await self._progress.reach(revision, patience)

    async def refresh(self) -> bool:
        """Make the state in memory see all that was acknowledged before the call."""
        return await self.reach(await self.revision())

    # The contract.

    async def get(self, key: str, *, revision: int = LATEST) -> Record[V] | None:
        if revision == LATEST and await self.refresh():
            return self.peek(key)
        return await self._inner.get(key, revision=revision)

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[V]:
        if revision == LATEST and await self.refresh():
            return self.page(prefix, start=start, limit=limit)
        if revision != LATEST and revision == self.seen:
            return self.page(prefix, start=start, limit=limit)
        return await self._inner.list(prefix, start=start, limit=limit, revision=revision)

    async def put(
        self,
        key: str,
        value: V,
        *,
        expected: int,
        ttl: int = 0,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Record[V]:
        return await self._inner.put(key, value, expected=expected, ttl=ttl, requires=requires)

    async def delete(self, key: str, *, expected: int) -> Record[V]:
        return await self._inner.delete(key, expected=expected)

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[V], None]:
        try:
            watcher = self.subscribe(prefix, after)
        except Compacted:
            inner = cast("AsyncGenerator[Batch[V], None]", self._inner.watch(prefix, after=after))
            async with aclosing(inner) as batches:
                async for batch in batches:
                    yield batch
            return
        try:
            while True:
                yield await watcher.next()
        finally:
            watcher.close()

    async def revision(self) -> int:
        """Ask the store, or share the answer to a question that is asked after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._ask(self._asking))
        return await asyncio.shield(self._next)

    async def compact(self, revision: int) -> None:
        await self._inner.compact(revision)

    async def close(self) -> None:
        await self._inner.close()

    async def _ask(self, before: asyncio.Task[int] | None) -> int:
        if before is not None:
            await asyncio.wait([before])
        self._asking, self._next = self._next, None
        return await self._inner.revision()

    async def _load(self) -> None:
        page = await self._inner.list(self._root)
        self._window.load(page)
        self._progress.advance(page.revision)

    async def _follow(self) -> None:
        while True:
            try:
                await self._read_feed()
            except Compacted:
                log.warning("the watch fell behind the store's history; reading everything anew")
                self._hub.fail(Unavailable("the watch lost its place"))
                await self._load_again()
            except StorageError as error:
                log.warning("the watch on the store broke: %s", error)
                await asyncio.sleep(_RETRY_DELAY)

    async def _load_again(self) -> None:
        try:
            await self._load()
        except StorageError as error:
            log.warning("reading the store failed: %s", error)
            await asyncio.sleep(_RETRY_DELAY)

    async def _read_feed(self) -> None:
        feed = self._inner.watch(self._root, after=self._window.revision)
        inner = cast("AsyncGenerator[Batch[V], None]", feed)
        async with aclosing(inner) as batches:
            async for batch in batches:
                self._window.apply(batch)
                self._hub.publish(batch)
                self._progress.advance(batch.revision)
