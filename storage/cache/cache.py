"""WatchCache: which reads are answered from memory and which go to the store.

One watch of everything below the root feeds the cache, so the cache has one revision: the state in
memory is exactly the store's state at that revision. A read that must see every acknowledged write
needs a revision of the store that was current after the read began. A store with a single writing
process knows this revision locally; otherwise concurrent reads share one request for it. The read
then waits until the feed has reached that revision and is answered from memory.

The feed may not reach the revision, because the last change can be to a key outside the root. In
that case the cache requests a progress report from the store. If the store does not support
progress reports, or does not send one in a short time, the feed is considered stalled: reads go to
the store until the feed advances again.

The modules:

- `window`: the state in memory and the recent events
- `pastpages`: pages of a recent revision
- `feed`: the watch that keeps them up to date
- `ownwrites`: writes of this process that the feed has not delivered yet
- `stalledreads`: records read from the store while the feed is stalled
- `revisionreads`: the shared request for the store's revision
- `progress`: waiting for a revision
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Final, TypeVar

from storage.cache.feed import Feed
from storage.cache.ownwrites import OwnWrites
from storage.cache.progress import Progress
from storage.cache.revisionreads import RevisionReads
from storage.cache.stalledreads import StalledReads
from storage.cache.window import Window, zero_size
from storage.conditions import WatchCondition
from storage.errors import Compacted, RevisionConflict, Unavailable
from storage.hub import Hub, Watcher
from storage.interface import (
    LATEST,
    NO_REQUIREMENTS,
    Batch,
    Change,
    FeedStore,
    Page,
    Put,
    Record,
    Store,
)
from storage.slices import slices

V = TypeVar("V")

WINDOW: Final = 20_000
BACKLOG: Final = 10_000
FRESHNESS_TIMEOUT: Final = 3.0
#: Seconds to wait for the feed before requesting a progress report from the store.
_FEED_DELAY: Final = 0.01
#: Seconds between two such requests; also the wait for a store that does not support them.
_PROGRESS_INTERVAL: Final = 0.1


class WatchCache(Store[V]):
    """Store[V] served from memory. Enter it (``async with``) before use.

    ``window`` is the maximum number of events kept. ``size_of`` returns the size of a value in
    bytes.
    """

    def __init__(
        self,
        source: FeedStore[V],
        root: str,
        window: int = WINDOW,
        size_of: Callable[[V], int] = zero_size,
    ) -> None:
        self._source = source
        self._root = root
        self._window: Window[V] = Window(window, size_of)
        self._hub: Hub[V] = Hub(BACKLOG)
        self._progress = Progress()
        self._own_writes: OwnWrites[V] = OwnWrites()
        self._stalled_reads: StalledReads[V] = StalledReads()
        # The revision of the state in memory when the last wait for the feed timed out.
        self._stalled_at = -1
        self._revision_reads = RevisionReads(source.revision)
        self._feed: Feed[V] = Feed(source, root, self._load, self._apply)

    async def __aenter__(self) -> WatchCache[V]:
        await self._feed.start(FRESHNESS_TIMEOUT)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._feed.stop()
        await self._revision_reads.stop()
        self._hub.fail(Unavailable("the store is closing"))

    def reload(self) -> None:
        """Read everything from the store again, because the same data mean something else now.

        Open watches end; they can resume where they were.
        """
        self._feed.reload()

    # Methods that only a cache has: they read the state in memory without waiting.

    @property
    def cached_revision(self) -> int:
        """The revision of the state in memory."""
        return self._window.revision

    @property
    def oldest_revision(self) -> int:
        """The revision after which all events are in memory."""
        return self._window.oldest

    @property
    def watchers(self) -> int:
        """The number of open watches."""
        return len(self._hub)

    def watchers_of(self, prefix: str) -> int:
        """Return the number of open watches of exactly this prefix."""
        return self._hub.watchers_of(prefix)

    def __len__(self) -> int:
        return len(self._window)

    def get_cached(self, key: str) -> Record[V] | None:
        """Return the record of ``key`` as of `cached_revision`."""
        return self._window.get(key)

    def get_newest_known(self, key: str) -> Record[V] | None:
        """Return the newest record of ``key`` that is known to this process.

        The record may be newer than the state in memory if this process wrote it, or read it while
        the feed was stalled. It may also be stale: use it only as the start of a write, which then
        fails with a conflict.
        """
        if key in self._stalled_reads:
            return self._stalled_reads.get(key)
        return self._own_writes.newest(key) or self._window.get(key)

    def list_cached(self, prefix: str, *, start: str = "", limit: int = 0) -> Page[V]:
        """Return records as of `cached_revision`."""
        return self._window.list(prefix, start, limit)

    def last_change(self, prefix: str) -> int:
        """Return a revision since which nothing below ``prefix``, up to a slash, has changed."""
        return self._window.last_change(prefix)

    def subscribe(
        self,
        prefix: str,
        after: int,
        *,
        exact: bool = False,
        condition: WatchCondition[V] | None = None,
    ) -> Watcher[V]:
        """Return a watcher of the events after revision ``after``.

        With ``exact`` it watches only the key ``prefix``. With a ``condition``, for a prefix that
        ends with a slash, it may leave out later events that do not meet it. Raises `Compacted` if
        memory does not have all events after ``after``.
        """
        if after < self._window.oldest:
            raise Compacted(after, self._window.oldest)
        missed = self._window.since(after, prefix)
        if exact:
            missed = [event for event in missed if event.key == prefix]
        watcher = self._hub.join(prefix, after, exact=exact, condition=condition)
        watcher.begin(missed)
        return watcher

    async def watch_history(self, prefix: str, after: int) -> AsyncGenerator[Batch[V], None]:
        """Yield the store's history after ``after``, up to where the events in memory begin.

        `subscribe` with the revision of the last batch then continues without a gap.
        """
        # If the history has no event below the prefix, only a bookmark shows that it has ended.
        requests = asyncio.create_task(self._request_progress(), name="watch-cache-history")
        try:
            async with aclosing(self._source.watch(prefix, after=after)) as batches:
                async for batch in batches:
                    yield batch
                    if batch.revision >= self._window.oldest:
                        return
        finally:
            requests.cancel()

    async def wait_for_revision(self, revision: int, timeout: float = FRESHNESS_TIMEOUT) -> bool:
        """Wait until the state in memory is at least as new as ``revision``.

        Waits at most ``timeout`` seconds. Returns False if the revision was not reached.
        """
        if revision <= self._window.revision:
            return True
        if await self._progress.wait_for(revision, min(_FEED_DELAY, timeout)):
            return True
        deadline = asyncio.get_running_loop().time() + timeout
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            self._source.request_progress()
            if await self._progress.wait_for(revision, min(_PROGRESS_INTERVAL, left)):
                return True
        return False

    async def wait_until_fresh(self) -> bool:
        """Wait until the state in memory has every write acknowledged before the call.

        Returns False if it still lacks some; the caller must then read from the store.
        """
        return self._is_current() or await self._catch_up(await self.revision())

    def request_progress(self) -> bool:
        """Send a bookmark to open watches, and request a progress report from the store."""
        self._hub.mark(self._window.revision)
        return self._source.request_progress()

    async def check(self) -> Sequence[str]:
        """Compare memory with the store; return the keys whose revisions differ."""
        at, here = self._window.revision, self._window.snapshot()
        differing: list[str] = []
        start, more = "", 1
        while more:
            page = await self._source.list(self._root, start=start, limit=WINDOW, revision=at)
            for few in slices(page.records):
                differing += here.differing(few)
                await asyncio.sleep(0)
            more = page.remaining
            start = page.records[-1].key + "\0" if page.records else ""
        return sorted([*differing, *here.rest()])

    # The `Store` interface.

    async def get(self, key: str, *, revision: int = LATEST) -> Record[V] | None:
        if revision == LATEST and (self._is_current() or await self.wait_until_fresh()):
            return self._window.get(key)
        before = self._window.revision
        record = await self._source.get(key, revision=revision)
        if revision == LATEST and before == self._window.revision:
            self._note_stalled_read(key, record)
        return record

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[V]:
        if revision == LATEST and (self._is_current() or await self.wait_until_fresh()):
            return self._window.list(prefix, start, limit)
        if revision != LATEST and self._knows(revision):
            return self._window.list_at(prefix, start, limit, revision)
        return await self._source.list(prefix, start=start, limit=limit, revision=revision)

    async def commit(
        self, changes: Sequence[Change[V]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[V]]:
        try:
            records = await self._source.commit(changes, requires=requires)
        except RevisionConflict as conflict:
            conflict.current = self._shared(conflict.current)
            raise
        return [
            self._note_write(record) if isinstance(change, Put) else record
            for change, record in zip(changes, records, strict=True)
        ]

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[V], None]:
        try:
            watcher = self.subscribe(prefix, after)
        except Compacted:
            async with aclosing(self.watch_history(prefix, after)) as history:
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

    async def revision(self) -> int:
        """Return the store's revision; concurrent calls share one request."""
        known = self._source.current_revision()
        return await self._revision_reads.revision() if known is None else known

    async def compact(self, revision: int) -> None:
        await self._source.compact(revision)

    async def close(self) -> None:
        await self._source.close()

    # Callbacks of the feed.

    async def _load(self, page: Page[V]) -> None:
        window = self._window.empty()
        for records in slices(page.records):
            window.add(records)
            await asyncio.sleep(0)
        window.begin(page.revision)
        # The events between the old state and this one are unknown.
        self._hub.fail(Unavailable("the watch lost its place"))
        self._window, replaced = window, self._window
        self._own_writes.clear()
        self._stalled_reads.clear()
        self._progress.restart(page.revision)
        for _ in replaced.drop():
            await asyncio.sleep(0)

    def _apply(self, batch: Batch[V]) -> None:
        self._stalled_reads.clear()
        if self._own_writes:
            events = list(map(self._own_writes.replace, batch.events))
            batch = Batch(batch.revision, events)
        batch = self._window.apply(batch)
        if batch.events:
            self._hub.publish(batch)
        self._progress.advance(batch.revision)

    # Freshness of the state in memory.

    def _is_current(self) -> bool:
        known = self._source.current_revision()
        return known is not None and known <= self._window.revision

    def _knows(self, revision: int) -> bool:
        """Return whether the events in memory show what the state was at an earlier revision."""
        oldest = max(self._window.oldest, self._source.compact_revision())
        return oldest <= revision <= self._window.revision

    async def _catch_up(self, revision: int) -> bool:
        if revision <= self._window.revision:
            return True
        if self._stalled_at == self._window.revision:
            self._source.request_progress()
            return False
        if await self._progress.wait_for(revision, _FEED_DELAY):
            return True
        reports = self._source.request_progress()
        if await self.wait_for_revision(
            revision, FRESHNESS_TIMEOUT if reports else _PROGRESS_INTERVAL
        ):
            return True
        self._stalled_at = self._window.revision
        return False

    async def _request_progress(self) -> None:
        pause = _FEED_DELAY
        while True:
            await asyncio.sleep(pause)
            self._source.request_progress()
            pause = min(2 * pause, FRESHNESS_TIMEOUT)

    # Records that are newer than the state in memory.

    def _note_write(self, record: Record[V]) -> Record[V]:
        self._stalled_reads.discard(record.key)
        if record.revision > self._window.revision and record.key.startswith(self._root):
            self._own_writes.add(record)
        return self._shared(record) or record

    def _note_stalled_read(self, key: str, record: Record[V] | None) -> None:
        written = self._own_writes.newest(key)
        if written is None or record is None or record.revision >= written.revision:
            self._stalled_reads.add(key, record)

    def _shared(self, record: Record[V] | None) -> Record[V] | None:
        # Reuse the cached record of the same revision, with the results already computed from it.
        if record is None:
            return None
        known = self._window.get(record.key)
        return known if known is not None and known.revision == record.revision else record
