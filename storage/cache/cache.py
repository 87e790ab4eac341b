"""WatchCache: which reads are answered from memory and which go to the store behind.

The cache follows one watch of everything below its root, so it has one revision: the state in
memory is exactly the store's at that revision. A read that must see every acknowledged write needs
a revision of the store that was current after the read began. Where this process is the only one
that writes, the store knows it without asking; else the reads that come while a question is on its
way share the next one. Then the read waits until the feed is that far and is answered from memory.

The feed may not get there: the revision can belong to a key of somebody else. Then the store is
asked to tell how far the watch is; where it cannot, or has not in a short time, the read goes to
the store itself, and so do those that follow it until the feed moves again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Final, TypeVar, cast

from storage.cache.ownwrites import OwnWrites
from storage.cache.progress import Progress
from storage.cache.window import Window, weightless
from storage.errors import Compacted, RevisionConflict, StorageError, Unavailable
from storage.hub import Hub, Watcher
from storage.interface import LATEST, NO_REQUIREMENTS, Batch, Change, Page, Put, Record, Store

V = TypeVar("V")

WINDOW: Final = 20_000
BACKLOG: Final = 10_000
FRESHNESS_TIMEOUT: Final = 3.0
#: So many records are remembered that were read past a feed that stands still.
MOST_BESIDE: Final = 1_000
#: How long a feed that lags is waited for before the store is asked how far it is.
_BRIEFLY: Final = 0.01
#: How long it is waited for where the store cannot tell, and between two questions where it can.
_SHORTLY: Final = 0.1
_RETRY_DELAY: Final = 0.2

log = logging.getLogger(__name__)


class WatchCache(Store[V]):
    """Store[V] served from memory. Enter it (``async with``) before use.

    ``window`` is how many events it remembers at most, ``weigh`` how many bytes a value has.
    """

    def __init__(
        self,
        inner: Store[V],
        root: str,
        window: int = WINDOW,
        weigh: Callable[[V], int] = weightless,
    ) -> None:
        self._inner = inner
        self._root = root
        self._window: Window[V] = Window(window, weigh)
        self._hub: Hub[V] = Hub(BACKLOG)
        self._progress = Progress()
        self._own_writes: OwnWrites[V] = OwnWrites()
        # What was read from the store while the feed stood still.
        self._beside: dict[str, Record[V] | None] = {}
        self._stuck = -1
        self._feed: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._asking: asyncio.Task[int] | None = None
        self._next: asyncio.Task[int] | None = None

    async def __aenter__(self) -> WatchCache[V]:
        await self._load()
        self._feed = asyncio.create_task(self._follow(), name="watch-cache-feed")
        # What is written next is to come at once, not when the watch has been set up.
        with suppress(TimeoutError):
            async with asyncio.timeout(FRESHNESS_TIMEOUT):
                await self._listening.wait()
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
    def oldest(self) -> int:
        """The revision after which memory has all events."""
        return self._window.oldest

    @property
    def watchers(self) -> int:
        """How many watches are open."""
        return len(self._hub)

    def __len__(self) -> int:
        return len(self._window)

    def peek(self, key: str) -> Record[V] | None:
        """Return the record of ``key`` as of the revision ``seen``."""
        return self._window.get(key)

    def foremost(self, key: str) -> Record[V] | None:
        """Return the newest record of ``key`` that is known here.

        This process may have written it, or read it past a feed that stands still.

        It is for whoever writes next and is told if it is not current: a writer need not wait for
        its own last change to come back with the feed.
        """
        if key in self._beside:
            return self._beside[key]
        return self._own_writes.newest(key) or self._window.get(key)

    def page(self, prefix: str, *, start: str = "", limit: int = 0) -> Page[V]:
        """Return records as of the revision ``seen``."""
        return self._window.page(prefix, start, limit)

    def count(self, prefix: str) -> int:
        """Return how many records are below ``prefix`` as of the revision ``seen``."""
        return self._window.count(prefix)

    def changed(self, prefix: str) -> int:
        """Return a revision since which nothing below ``prefix``, up to a slash, has changed."""
        return self._window.changed(prefix)

    def subscribe(self, prefix: str, after: int, *, exact: bool = False) -> Watcher[V]:
        """Return a watcher of what follows ``after``. Raises Compacted where memory lacks it.

        With ``exact`` it watches the key ``prefix`` alone.
        """
        if after < self._window.oldest:
            raise Compacted(after, self._window.oldest)
        missed = self._window.since(after, prefix)
        if exact:
            missed = [event for event in missed if event.key == prefix]
        watcher = self._hub.join(prefix, after, exact=exact)
        watcher.begin(missed)
        return watcher

    async def reach(self, revision: int, patience: float = FRESHNESS_TIMEOUT) -> bool:
        """Wait until the state in memory is at least as new as ``revision``."""
        if revision <= self._window.revision:
            return True
        if await self._progress.reach(revision, min(_BRIEFLY, patience)):
            return True
        deadline = asyncio.get_running_loop().time() + patience
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            self._inner.hasten()
            if await self._progress.reach(revision, min(_SHORTLY, left)):
                return True
        return False

    async def refresh(self) -> bool:
        """Make the state in memory see all that was acknowledged before the call.

        Returns whether it does; if not, the store behind must be read.
        """
        return self._is_current() or await self._catch_up(await self.revision())

    async def check(self) -> Sequence[str]:
        """Compare memory with the store; return the keys in which they differ."""
        at, here = self._window.revision, self._window.revisions()
        there: dict[str, int] = {}
        start, more = "", 1
        while more:
            page = await self._inner.list(self._root, start=start, limit=1000, revision=at)
            there.update((record.key, record.revision) for record in page.records)
            more = page.remaining
            start = page.records[-1].key + "\0" if page.records else ""
        keys = here.keys() | there.keys()
        return sorted(key for key in keys if here.get(key) != there.get(key))

    # The contract.

    async def get(self, key: str, *, revision: int = LATEST) -> Record[V] | None:
        if revision == LATEST and (self._is_current() or await self.refresh()):
            return self._window.get(key)
        before = self._window.revision
        record = await self._inner.get(key, revision=revision)
        if revision == LATEST and before == self._window.revision:
            self._remember(key, record)
        return record

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[V]:
        if revision == LATEST and (self._is_current() or await self.refresh()):
            return self._window.page(prefix, start, limit)
        if revision != LATEST and self._is_unchanged(prefix, revision):
            page = self._window.page(prefix, start, limit)
            return Page(page.records, revision, page.remaining)
        return await self._inner.list(prefix, start=start, limit=limit, revision=revision)

    async def commit(
        self, changes: Sequence[Change[V]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[V]]:
        try:
            records = await self._inner.commit(changes, requires=requires)
        except RevisionConflict as conflict:
            conflict.current = self._known(conflict.current)
            raise
        return [
            self._note_written(record) if isinstance(change, Put) else record
            for change, record in zip(changes, records, strict=True)
        ]

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[V], None]:
        try:
            watcher = self.subscribe(prefix, after)
        except Compacted:
            async with aclosing(self.history(prefix, after)) as history:
                async for batch in history:
                    yield batch
                    after = batch.revision
            watcher = self.subscribe(prefix, after)
        else:
            yield Batch(after)
        try:
            while True:
                yield await watcher.next()
        finally:
            watcher.close()

    def follow(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[V], None]:
        return self.watch(prefix, after=after)

    async def revision(self) -> int:
        """Ask the store, or share the answer to a question that is asked after this call."""
        newest = self._inner.newest()
        if newest is not None:
            return newest
        if self._next is None:
            self._next = asyncio.create_task(self._ask(self._asking), name="watch-cache-revision")
            self._next.add_done_callback(_look_at)
        return await asyncio.shield(self._next)

    async def compact(self, revision: int) -> None:
        await self._inner.compact(revision)

    def newest(self) -> int | None:
        return self._inner.newest()

    def compacted(self) -> int:
        return self._inner.compacted()

    def hasten(self) -> bool:
        self._hub.mark(self._window.revision)
        return self._inner.hasten()

    async def close(self) -> None:
        await self._inner.close()

    def _is_current(self) -> bool:
        newest = self._inner.newest()
        return newest is not None and newest <= self._window.revision

    def _is_unchanged(self, prefix: str, revision: int) -> bool:
        # What lists see page by page has mostly not changed since their first page.
        window = self._window
        if not max(window.changed(prefix), self._inner.compacted()) <= revision <= window.revision:
            return False
        return prefix.endswith("/") or revision == window.revision

    def _remember(self, key: str, record: Record[V] | None) -> None:
        ahead = self._own_writes.newest(key)
        if ahead is not None and record is not None and record.revision < ahead.revision:
            return
        if len(self._beside) >= MOST_BESIDE:
            self._beside.clear()
        self._beside[key] = record

    def _note_written(self, record: Record[V]) -> Record[V]:
        self._beside.pop(record.key, None)
        if record.revision > self._window.revision and record.key.startswith(self._root):
            self._own_writes.add(record)
        return self._known(record) or record

    def _known(self, record: Record[V] | None) -> Record[V] | None:
        # One record for one state: what was worked out of it before is not worked out again.
        if record is None:
            return None
        known = self._window.get(record.key)
        return known if known is not None and known.revision == record.revision else record

    async def _ask(self, before: asyncio.Task[int] | None) -> int:
        if before is not None:
            await asyncio.wait([before])
        self._asking, self._next = self._next, None
        return await self._inner.revision()

    async def _catch_up(self, revision: int) -> bool:
        window = self._window
        if revision <= window.revision:
            return True
        if self._stuck == window.revision:
            self._inner.hasten()
            return False
        if await self._progress.reach(revision, _BRIEFLY):
            return True
        patience = FRESHNESS_TIMEOUT if self._inner.hasten() else _SHORTLY
        if await self.reach(revision, patience):
            return True
        self._stuck = window.revision
        return False

    async def _load(self) -> None:
        page = await self._inner.list(self._root)
        self._window.load(page)
        self._own_writes.clear()
        self._beside.clear()
        self._progress.restart(page.revision)

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
        feed = self._inner.follow(self._root, after=self._window.revision)
        inner = cast("AsyncGenerator[Batch[V], None]", feed)
        async with aclosing(inner) as batches:
            async for batch in batches:
                self._listening.set()
                self._take_in(batch)

    def _take_in(self, batch: Batch[V]) -> None:
        self._beside.clear()
        if self._own_writes:
            batch = Batch(batch.revision, self._own_writes.replace(batch.events))
        batch = self._window.apply(batch)
        if batch.events:
            self._hub.publish(batch)
        self._progress.advance(batch.revision)

    async def history(self, prefix: str, after: int) -> AsyncGenerator[Batch[V], None]:
        """Yield what the store remembers after ``after``, until memory has what follows.

        Then `subscribe` after the last batch's revision goes on where it ends.
        """
        inner = cast("AsyncGenerator[Batch[V], None]", self._inner.watch(prefix, after=after))
        asking = asyncio.create_task(self._keep_asking(), name="watch-cache-history")
        try:
            async with aclosing(inner) as batches:
                async for batch in batches:
                    yield batch
                    if batch.revision >= self._window.oldest:
                        return
        finally:
            asking.cancel()

    async def _keep_asking(self) -> None:
        # Where history has nothing for this prefix, only a bookmark tells that it is at its end.
        pause = _BRIEFLY
        while True:
            await asyncio.sleep(pause)
            self._inner.hasten()
            pause = min(2 * pause, FRESHNESS_TIMEOUT)


def _look_at(task: asyncio.Task[int]) -> None:
    # Whoever waited for the answer may be gone; then nobody else looks at its failure.
    if not task.cancelled():
        task.exception()
