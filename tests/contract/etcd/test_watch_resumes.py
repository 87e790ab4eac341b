"""A watch resumes after every disconnection, without lost or repeated events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from storage.cache.cache import WatchCache
from storage.errors import Compacted
from storage.etcd.store import EtcdStore
from storage.interface import ABSENT, Batch, Event
from tests.contract.etcd.proxy import Proxy, proxied
from tests.etcd_process import EtcdProcess, etcd_process
from tests.waiting import PATIENCE, eventually

Batches = AsyncGenerator[Batch[bytes], None]


@pytest.fixture(scope="module")
def etcd() -> Iterator[EtcdProcess]:
    """An etcd of our own: it is cut off, compacted and killed."""
    with etcd_process() as process:
        yield process


@dataclass
class Line:
    """A store whose line to etcd can be broken, and another one whose line holds."""

    broken: EtcdStore
    sound: EtcdStore
    proxy: Proxy
    root: str


@pytest.fixture
async def line(etcd: EtcdProcess, request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    """Two stores on one etcd, one of them behind a proxy."""
    root = f"/{request.node.name}/"
    async with proxied(etcd.port) as proxy:
        broken = await EtcdStore.open([proxy.endpoint])
        sound = await EtcdStore.open([etcd.endpoint])
        yield Line(broken, sound, proxy, root)
        await broken.close()
        await sound.close()


def watch(store: EtcdStore, prefix: str, after: int) -> aclosing[Batches]:
    """Open a watch that is closed with the block."""
    return aclosing(store.watch(prefix, after=after))


async def collect(batches: Batches, until: int, events: list[Event[bytes]]) -> None:
    """Read a watch until it has reached a revision."""
    async with asyncio.timeout(PATIENCE):
        async for batch in batches:
            events.extend(batch.events)
            if batch.revision >= until:
                return


async def test_it_goes_on_after_the_connection_broke(line: Line) -> None:
    start = await line.sound.revision()
    events: list[Event[bytes]] = []
    written = []
    async with watch(line.broken, line.root, start) as batches:
        await anext(batches)
        for number in range(5):
            made = await line.sound.put(f"{line.root}{number}", b"v", expected=ABSENT)
            written.append(made.revision)
            if number % 2:
                # The answer of this change is on its way, or is lost with the connection.
                line.proxy.cut()
            gone = await line.sound.delete(made.key, expected=made.revision)
            written.append(gone.revision)
            await collect(batches, gone.revision, events)
    assert [event.revision for event in events] == written


async def test_it_goes_on_while_the_connection_breaks_again_and_again(line: Line) -> None:
    start = await line.sound.revision()
    events: list[Event[bytes]] = []
    written: list[int] = []

    async with watch(line.broken, line.root, start) as batches:
        await anext(batches)
        current = ABSENT
        for number in range(300):
            current = (await line.sound.put(line.root, b"v" * 500, expected=current)).revision
            written.append(current)
            if number % 20 == 19:
                line.proxy.cut()
        await collect(batches, current, events)
    assert [event.revision for event in events] == written
    previous = [event.previous.revision if event.previous else ABSENT for event in events]
    assert previous == [ABSENT, *written[:-1]]


async def test_it_says_so_when_the_history_was_forgotten_meanwhile(line: Line) -> None:
    start = await line.sound.revision()
    async with watch(line.broken, line.root, start) as batches:
        await anext(batches)
        line.proxy.loses_answers = line.proxy.loses_requests = True
        line.proxy.cut()
        made = await line.sound.put(f"{line.root}a", b"v", expected=ABSENT)
        gone = await line.sound.delete(made.key, expected=made.revision)
        await line.sound.compact(gone.revision)
        line.proxy.heal()
        line.proxy.cut()
        with pytest.raises(Compacted) as refused:
            await collect(batches, gone.revision, [])
    assert refused.value.requested == start


async def test_a_revision_that_was_just_compacted_hides_no_deletion(line: Line) -> None:
    """A compaction at the revision of a deletion removes the deletion too."""
    made = await line.sound.put(f"{line.root}a", b"v", expected=ABSENT)
    other = await line.sound.put(f"{line.root}b", b"v", expected=ABSENT)
    gone = await line.sound.delete(made.key, expected=made.revision)
    await line.sound.compact(gone.revision)
    async with watch(line.sound, line.root, other.revision) as batches:
        with pytest.raises(Compacted):
            await anext(batches)
    async with watch(line.sound, line.root, gone.revision) as batches:
        assert await anext(batches) == Batch(gone.revision)


async def test_a_history_larger_than_one_message_comes_whole(line: Line) -> None:
    """etcd cuts what exceeds 1.5 MiB into fragments; together they hold some 12 MB here."""
    start = await line.sound.revision()
    current, values = ABSENT, []
    for number in range(8):
        values.append(bytes([number]) * 800_000)
        record = await line.sound.put(f"{line.root}a", values[-1], expected=current)
        current = record.revision
    events: list[Event[bytes]] = []
    async with watch(line.broken, line.root, start) as batches:
        await collect(batches, current, events)
    assert [event.record.value for event in events if event.record] == values
    assert [event.previous.value for event in events if event.previous] == values[:-1]


async def test_who_follows_sees_compactions_as_bookmarks(line: Line) -> None:
    current = await line.sound.get("compact_rev_key")
    start = await line.sound.revision()
    async with aclosing(line.broken.feed(line.root, after=start)) as batches:
        await anext(batches)
        marked = await line.sound.put(
            "compact_rev_key", b"1", expected=current.revision if current else ABSENT
        )
        async with asyncio.timeout(PATIENCE):
            batch = await anext(batches)
    assert (batch.revision, list(batch.events)) == (marked.revision, [])
    assert line.broken.compact_revision() == 1


async def test_a_cache_goes_on_after_etcd_was_killed_and_restarted(
    line: Line, etcd: EtcdProcess
) -> None:
    async with WatchCache(line.broken, line.root) as cache:
        made = await cache.put(f"{line.root}a", b"one", expected=ABSENT)
        watcher = cache.subscribe(line.root, made.revision)
        await asyncio.to_thread(etcd.kill)
        await asyncio.to_thread(etcd.start)
        changed = await line.sound.put(made.key, b"two", expected=made.revision)
        async with asyncio.timeout(PATIENCE):
            assert (await watcher.next()).revision == changed.revision
            assert await cache.get(made.key) == changed
        assert await cache.check() == []


async def test_a_cache_whose_history_was_forgotten_reads_everything_anew(line: Line) -> None:
    async with WatchCache(line.broken, line.root) as cache:
        made = await cache.put(f"{line.root}a", b"one", expected=ABSENT)
        assert await cache.get(made.key) == made
        watcher = cache.subscribe(line.root, made.revision)
        line.proxy.loses_answers = line.proxy.loses_requests = True
        line.proxy.cut()
        gone = await line.sound.delete(made.key, expected=made.revision)
        other = await line.sound.put(f"{line.root}b", b"two", expected=ABSENT)
        await line.sound.compact(other.revision)
        line.proxy.heal()
        line.proxy.cut()
        await eventually(lambda: cache.cached_revision >= other.revision)
        # What happened to the key that is gone cannot be told any more, so the watch ends.
        assert not watcher.idle
        assert cache.get_cached(made.key) is None
        assert cache.get_cached(other.key) == other
        with pytest.raises(Compacted):
            cache.subscribe(line.root, gone.revision)
