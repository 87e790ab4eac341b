"""The watch cache: reads from memory, reads from the store, and its history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from storage import slices
from storage.cache.cache import WatchCache
from storage.cache.window import MIN_EVENTS, Window
from storage.errors import Compacted, Unavailable
from storage.hub import Watcher
from storage.interface import ABSENT, LATEST, Batch, Page, Record
from storage.memory import MemoryStore
from tests.waiting import FOR_EVER, PATIENCE

ROOT = "/r/"
Batches = AsyncGenerator[Batch[bytes], None]


class Shared(MemoryStore):
    """A store that others write too: it must be asked for its revision, and the asking counted."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.reads = 0
        self.answering = asyncio.Event()
        self.answering.set()
        self.reports_progress = True
        self.feeding = asyncio.Event()
        self.feeding.set()

    def current_revision(self) -> int | None:
        return None

    def request_progress(self) -> bool:
        return self.reports_progress and super().request_progress()

    async def revision(self) -> int:
        self.asked += 1
        revision = self._revision
        await self.answering.wait()
        return revision

    async def get(self, key: str, *, revision: int = LATEST) -> Record[bytes] | None:
        self.reads += 1
        return await super().get(key, revision=revision)

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        self.reads += 1
        return await super().list(prefix, start=start, limit=limit, revision=revision)

    async def watch(self, prefix: str, *, after: int) -> Batches:
        async with aclosing(super().watch(prefix, after=after)) as batches:
            async for batch in batches:
                await self.feeding.wait()
                yield batch


@asynccontextmanager
async def cached(store: MemoryStore, window: int = 20_000) -> AsyncIterator[WatchCache[bytes]]:
    """Yield a cache that has read the store."""
    async with WatchCache(store, ROOT, window=window) as cache:
        if isinstance(store, Shared):
            store.asked = store.reads = 0
        yield cache


async def write(store: MemoryStore, key: str, times: int = 1) -> Record[bytes]:
    """Change a key some times."""
    current = await MemoryStore.get(store, key)
    for _ in range(times):
        expected = current.revision if current else ABSENT
        current = await store.put(key, b"v", expected=expected)
    assert current is not None
    return current


async def test_reads_of_the_latest_state_share_the_question_for_the_revision() -> None:
    """One is on its way, one waits; whoever comes meanwhile shares the one that waits."""
    store = Shared()
    made = await write(store, "/r/a")
    async with cached(store) as cache:
        store.answering.clear()
        first = asyncio.create_task(cache.get("/r/a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert store.asked == 1
        changed = await write(store, "/r/a")
        later = [asyncio.create_task(cache.get("/r/a")) for _ in range(20)]
        await asyncio.sleep(0)
        assert store.asked == 1
        store.answering.set()
        assert await first in (made, changed)
        assert await asyncio.gather(*later) == 20 * [changed]
        assert store.asked == 2
        assert store.reads == 0


async def test_a_question_that_failed_fails_those_who_asked_and_nobody_else() -> None:
    class Failing(Shared):
        async def revision(self) -> int:
            await super().revision()
            if self.asked == 1:
                raise Unavailable("not now")
            return self._revision

    async with cached(Failing()) as cache:
        results = await asyncio.gather(cache.get("/r/a"), cache.get("/r/b"), return_exceptions=True)
        assert [type(each) for each in results] == [Unavailable, Unavailable]
        assert await cache.get("/r/a") is None


async def test_a_reader_that_goes_away_takes_nobody_with_it() -> None:
    store = Shared()
    made = await write(store, "/r/a")
    async with cached(store) as cache:
        store.answering.clear()
        gone, staying = (asyncio.create_task(cache.get("/r/a")) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        store.answering.set()
        assert await staying == made


async def test_where_nobody_else_writes_nobody_is_asked() -> None:
    class Alone(MemoryStore):
        async def revision(self) -> int:
            raise AssertionError("nobody should ask")

    store = Alone()
    async with cached(store) as cache:
        made = await cache.put("/r/a", b"v", expected=ABSENT)
        assert await cache.get("/r/a") == made
        assert (await cache.list(ROOT)).records == [made]
        assert await cache.revision() == made.revision


@pytest.mark.parametrize("reports_progress", [True, False])
async def test_a_foreign_revision_does_not_stop_reads(
    reports_progress: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.cache.cache.FRESHNESS_TIMEOUT", FOR_EVER)
    store = Shared()
    store.reports_progress = reports_progress
    made = await write(store, "/r/a")
    async with cached(store) as cache:
        foreign = await write(store, "/elsewhere")
        async with asyncio.timeout(PATIENCE):
            assert await cache.get("/r/a") == made
            assert (await cache.list(ROOT)).revision == foreign.revision
        assert (cache.cached_revision == foreign.revision) is reports_progress
        assert (store.reads == 0) is reports_progress


async def test_a_feed_that_stands_still_is_waited_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After that the store itself is read, at once, until the feed moves again."""
    monkeypatch.setattr("storage.cache.cache.FRESHNESS_TIMEOUT", 0.05)
    store = Shared()
    await write(store, "/r/a")
    async with cached(store) as cache:
        store.feeding.clear()
        changed = await write(store, "/r/a")
        assert await cache.get("/r/a") == changed
        for pause in ("FRESHNESS_TIMEOUT", "_FEED_DELAY"):
            monkeypatch.setattr(f"storage.cache.cache.{pause}", FOR_EVER)
        async with asyncio.timeout(PATIENCE):
            assert await cache.get("/r/a") == changed
            assert (await cache.list(ROOT)).records == [changed]
        assert store.reads == 3
        store.feeding.set()
        assert await cache.wait_for_revision(changed.revision)
        assert await cache.get("/r/a") == changed
        assert store.reads == 3


async def test_a_revision_that_nobody_reaches_leaves_nothing_behind() -> None:
    async with cached(MemoryStore()) as cache:
        assert not await cache.wait_for_revision(10**15, timeout=0.02)
        waiting = asyncio.create_task(cache.wait_for_revision(10**15))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert len(cache._progress) == 0


async def test_old_revisions_are_read_from_the_store() -> None:
    store = Shared()
    made = await write(store, "/r/a")
    changed = await write(store, "/r/a")
    await write(store, "/r/b")
    async with cached(store) as cache:
        assert await cache.get("/r/a", revision=made.revision) == made
        assert (await cache.list(ROOT, revision=changed.revision)).records == [changed]
        assert store.reads == 2
        assert len((await cache.list(ROOT, revision=cache.cached_revision)).records) == 2
        assert store.reads == 2


async def test_pages_of_a_recent_revision_are_read_from_memory() -> None:
    """However much changes meanwhile; but not once their revision was given up."""
    store = Shared()
    for number in range(5):
        await write(store, f"/r/pods/{number}")
    async with cached(store) as cache:
        first = await cache.list("/r/pods/", limit=2)
        other = await write(store, "/r/nodes/a")
        assert await cache.wait_for_revision(other.revision)
        start = first.records[-1].key + "\0"
        rest = await cache.list("/r/pods/", start=start, limit=2, revision=first.revision)
        assert [record.key for record in rest.records] == ["/r/pods/2", "/r/pods/3"]
        assert (rest.revision, rest.remaining, store.reads) == (first.revision, 1, 0)
        changed = await write(store, "/r/pods/4")
        assert await cache.wait_for_revision(changed.revision)
        rest = await cache.list("/r/pods/", start=start, revision=first.revision)
        assert [record.revision for record in rest.records] == [4, 5, 6]
        assert store.reads == 0
        await cache.compact(changed.revision)
        with pytest.raises(Compacted):
            await cache.list("/r/nodes/", revision=other.revision)


async def test_pages_of_a_revision_before_the_events_in_memory_go_to_the_store() -> None:
    store = Shared()
    await write(store, "/r/a")
    async with cached(store, window=10) as cache:
        first = await cache.list(ROOT, limit=1)
        last = await write(store, "/r/a", times=MIN_EVENTS + 1)
        assert await cache.wait_for_revision(last.revision)
        assert cache.oldest_revision > first.revision
        page = await cache.list(ROOT, revision=first.revision)
        assert (page.records, store.reads) == (first.records, 1)


async def test_a_writer_sees_its_own_last_change_before_the_feed_brings_it() -> None:
    store = Shared()
    async with cached(store) as cache:
        store.feeding.clear()
        made = await cache.put("/r/a", b"1", expected=ABSENT)
        assert cache.get_cached("/r/a") is None
        assert cache.get_newest_known("/r/a") is made
        changed = await cache.put("/r/a", b"2", expected=made.revision)
        assert cache.get_newest_known("/r/a") is changed
        store.feeding.set()
        assert await cache.wait_for_revision(changed.revision)
        assert cache.get_cached("/r/a") is cache.get_newest_known("/r/a") is changed
        assert not cache._own_writes


async def test_one_state_is_one_record() -> None:
    """As it is now, as it is told of, as the next change replaces it, and in conflicts."""
    store = MemoryStore()
    async with cached(store) as cache:
        watcher = cache.subscribe(ROOT, cache.cached_revision)
        made = await cache.put("/r/a", b"1", expected=ABSENT)
        assert await cache.get("/r/a") is made
        (event,) = (await watcher.next()).events
        assert event.record is made
        changed = await cache.put("/r/a", b"2", expected=made.revision)
        (event,) = (await watcher.next()).events
        assert event.previous is made
        assert event.record is changed
        for refused in (
            cache.put("/r/a", b"3", expected=ABSENT),
            cache.delete("/r/a", expected=made.revision),
        ):
            with pytest.raises(Exception, match="expected revision") as conflict:
                await refused
            assert conflict.value.current is changed  # type: ignore[attr-defined]


async def test_what_was_written_before_the_feed_brings_it_is_the_same_record_too() -> None:
    store = Shared()
    async with cached(store) as cache:
        store.feeding.clear()
        made = await cache.put("/r/a", b"1", expected=ABSENT)
        assert cache.get_cached("/r/a") is None
        store.feeding.set()
        assert await cache.get("/r/a") is made
        assert not cache._own_writes


async def test_a_watch_from_before_memory_is_read_from_the_store_and_joins() -> None:
    store = MemoryStore()
    start = await store.revision()
    await write(store, "/r/a", MIN_EVENTS * 2)
    async with cached(store) as cache:
        await write(store, "/r/a", 10)
        with pytest.raises(Compacted):
            cache.subscribe(ROOT, start)
        batches = cache.watch(ROOT, after=start)
        seen: list[int] = []
        async with aclosing(batches):
            async for batch in batches:
                seen += [event.revision for event in batch.events]
                if len(seen) == MIN_EVENTS * 2 + 10:
                    break
            assert cache.watchers == 0
            last = await write(store, "/r/a")
            seen += [event.revision for event in (await anext(batches)).events]
            assert cache.watchers == 1
        assert seen == list(range(start + 1, last.revision + 1))


async def test_a_watch_whose_history_is_empty_joins_too() -> None:
    """Nothing in the store's history is for it, so a bookmark tells that it is at its end."""
    store = MemoryStore()
    start = await store.revision()
    await write(store, "/r/a", 10)
    async with cached(store) as cache:
        batches = cache.watch("/r/quiet/", after=start)
        async with aclosing(batches), asyncio.timeout(PATIENCE):
            assert await anext(batches) == Batch(start)
            assert await anext(batches) == Batch(cache.oldest_revision, [])
            reading = asyncio.ensure_future(anext(batches))
            await asyncio.sleep(0)
            assert cache.watchers == 1
            made = await write(store, "/r/quiet/a")
            assert [event.record for event in (await reading).events] == [made]


async def test_memory_follows_what_lives_and_not_what_happens() -> None:
    store = MemoryStore()
    async with cached(store, window=3 * MIN_EVENTS) as cache:
        await write(store, "/r/a", 4 * MIN_EVENTS)
        await cache.wait_until_fresh()
        assert cache._window.events == MIN_EVENTS
        for number in range(2 * MIN_EVENTS):
            await write(store, f"/r/{number}")
        await write(store, "/r/a", 2 * MIN_EVENTS)
        await cache.wait_until_fresh()
        assert cache._window.events == 2 * MIN_EVENTS + 1
        for number in range(2 * MIN_EVENTS):
            await write(store, f"/r/more-{number}")
        await write(store, "/r/a", 2 * MIN_EVENTS)
        await cache.wait_until_fresh()
        assert cache._window.events == 3 * MIN_EVENTS


async def test_the_cache_checks_itself_against_the_store() -> None:
    store = MemoryStore()
    for number in range(20):
        await write(store, f"/r/{number:02}")
    async with cached(store) as cache:
        assert await cache.check() == []
        window = cache._window
        del window._records["/r/03"]
        window._records["/r/05"] = Record("/r/05", b"?", 1, 1)
        window._records["/r/99"] = Record("/r/99", b"?", 1, 1)
        assert await cache.check() == ["/r/03", "/r/05", "/r/99"]


async def test_watches_end_when_the_cache_closes() -> None:
    async with cached(MemoryStore()) as cache:
        watcher: Watcher[bytes] = cache.subscribe(ROOT, cache.cached_revision)
        waiting = asyncio.create_task(watcher.next())
        await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="closing"):
        await waiting


async def test_an_exact_watch_is_of_one_key() -> None:
    store = MemoryStore()
    async with cached(store) as cache:
        start = cache.cached_revision
        made = await cache.put("/r/a", b"v", expected=ABSENT)
        await cache.put("/r/ab", b"v", expected=ABSENT)
        watcher = cache.subscribe("/r/a", start, exact=True)
        gone = await cache.delete("/r/a", expected=made.revision)
        await cache.put("/r/abc", b"v", expected=ABSENT)
        await cache.wait_until_fresh()
        batch = watcher.take()
        assert batch is not None
        assert [event.revision for event in batch.events] == [made.revision, gone.revision]


async def test_everything_is_read_again_in_steps_while_the_old_state_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slices, "SLICE", 10)
    store = MemoryStore()
    for number in range(200):
        await write(store, f"/r/{number:03}")
    taken: list[int] = []
    add = Window.add
    monkeypatch.setattr(
        Window, "add", lambda self, records: (taken.append(len(records)), add(self, records))
    )
    async with cached(store) as cache:
        assert taken == [10] * 20
        watcher = cache.subscribe(ROOT, cache.cached_revision)
        seen = []
        cache.reload()
        while watcher.idle:
            seen.append(len(cache.list_cached(ROOT).records))
            await asyncio.sleep(0)
        assert set(seen) == {200}
        assert len(seen) > 20
        assert len(cache.list_cached(ROOT).records) == 200
        with pytest.raises(Unavailable):
            watcher.take()
