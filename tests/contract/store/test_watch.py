"""Watches: every change after a revision, once, in order, and from there on as it happens."""

from __future__ import annotations

import asyncio

import pytest

from storage.interface import ABSENT
from tests.contract.store.stacks import Setting
from tests.contract.store.watching import shown, watching


async def test_reliable_a_watch_tells_what_was_made_changed_and_deleted(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    async with watching(setting, after=await store.revision()) as watch:
        made = await store.put(key, setting.value("one"), expected=ABSENT)
        (event,) = await watch.until(made.revision)
        assert (event.key, event.revision) == (key, made.revision)
        assert (event.record, event.previous) == (made, None)
        changed = await store.put(key, setting.value("two"), expected=made.revision)
        (_, event) = await watch.until(changed.revision)
        assert (event.record, event.previous) == (changed, made)
        gone = await store.delete(key, expected=changed.revision)
        (_, _, event) = await watch.until(gone.revision)
        assert (event.key, event.revision) == (key, gone.revision)
        assert (event.record, event.previous) == (None, changed)
        again = await store.put(key, setting.value("three"), expected=ABSENT)
        (_, _, _, event) = await watch.until(again.revision)
        assert (event.record, event.previous) == (again, None)


async def test_resumable_a_watch_after_a_revision_yields_exactly_what_follows(
    setting: Setting,
) -> None:
    store, key = setting.store, setting.key("a")
    start = await store.revision()
    current = await store.put(key, setting.value("0"), expected=ABSENT)
    history = [current.revision]
    for number in range(1, 6):
        current = await store.put(key, setting.value(str(number)), expected=current.revision)
        history.append(current.revision)
    history.append((await store.delete(key, expected=current.revision)).revision)
    for after in (start, *history[:-1]):
        async with watching(setting, after=after) as watch:
            events = await watch.until(history[-1])
        assert shown(events) == [(key, each) for each in history if each > after]
        assert events[-1].record is None
        assert events[-1].previous == current


async def test_resumable_the_history_shows_what_was_replaced(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    start = await store.revision()
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    changed = await store.put(key, setting.value("two"), expected=made.revision)
    gone = await store.delete(key, expected=changed.revision)
    async with watching(setting, after=start) as watch:
        events = await watch.until(gone.revision)
    assert [(event.record, event.previous) for event in events] == [
        (made, None),
        (changed, made),
        (None, changed),
    ]


async def test_ordered_unique_reliable_while_history_is_read_and_changes_go_on(
    setting: Setting,
) -> None:
    """Watches begin at many points of a history that goes on growing while they read it."""
    store = setting.store
    start = await store.revision()
    written: list[tuple[str, int]] = []

    async def write(name: str) -> None:
        key, current = setting.key(name), ABSENT
        for number in range(25):
            record = await store.put(key, setting.value(str(number)), expected=current)
            written.append((key, record.revision))
            current = record.revision
        gone = await store.delete(key, expected=current)
        written.append((key, gone.revision))

    async def read(after: int) -> tuple[int, list[tuple[str, int]]]:
        async with watching(setting, after=after) as watch:
            while sum(event.record is None for event in watch.events) < 4:
                await watch.batch()
        return after, shown(watch.events)

    writers = [asyncio.create_task(write(name)) for name in "abcd"]
    readers = []
    while not all(writer.done() for writer in writers):
        after = written[len(written) // 2][1] if 0 < len(written) < 40 else start
        readers.append(asyncio.create_task(read(after)))
        await asyncio.wait(writers, timeout=0.002)
    await asyncio.gather(*writers)
    written.sort(key=lambda item: item[1])
    for after, seen in await asyncio.gather(*readers):
        assert seen == [item for item in written if item[1] > after]


async def test_a_watch_sees_its_prefix_only(setting: Setting) -> None:
    store = setting.store
    start = await store.revision()
    for name in ("pods/a", "pods", "podsecurity/b", "nodes/c", "pods/d/e"):
        await store.put(setting.key(name), setting.value("v"), expected=ABSENT)
    last = await store.put(setting.key("pods/z"), setting.value("v"), expected=ABSENT)
    expected = {
        "pods/": ["pods/a", "pods/d/e", "pods/z"],
        "pods": ["pods/a", "pods", "podsecurity/b", "pods/d/e", "pods/z"],
    }
    for prefix, names in expected.items():
        async with watching(setting, setting.key(prefix), after=start) as watch:
            events = await watch.until(last.revision)
            assert [event.key.removeprefix(setting.root) for event in events] == names


async def test_a_live_watch_sees_its_prefix_only(setting: Setting) -> None:
    store = setting.store
    start = await store.revision()
    async with (
        watching(setting, setting.key("pods/"), after=start) as below,
        watching(setting, setting.key("pods"), after=start) as beside,
    ):
        first = await store.put(setting.key("pods/a"), setting.value("v"), expected=ABSENT)
        await asyncio.gather(below.until(first.revision), beside.until(first.revision))
        for name in ("pods", "podsecurity/b", "nodes/c"):
            await store.put(setting.key(name), setting.value("v"), expected=ABSENT)
        last = await store.put(setting.key("pods/z"), setting.value("v"), expected=ABSENT)
        assert [event.key for event in await below.until(last.revision)] == [first.key, last.key]
        assert [
            event.key.removeprefix(setting.root) for event in await beside.until(last.revision)
        ] == ["pods/a", "pods", "podsecurity/b", "pods/z"]


async def test_a_watch_from_the_future_leaves_out_what_comes_before_it(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("0"), expected=ABSENT)
    async with watching(setting, after=made.revision + 3) as watch:
        reading = asyncio.create_task(watch.batch())
        await asyncio.sleep(0)
        current = made
        while current.revision <= made.revision + 3:
            current = await store.put(key, setting.value("v"), expected=current.revision)
        batch = await reading
    assert [event.record for event in batch.events][:1] == [current]


async def test_bookmarkable_nothing_at_or_below_a_batch_follows_it(setting: Setting) -> None:
    store = setting.store
    start = await store.revision()
    async with watching(setting, after=start) as watch:

        async def write(name: str) -> int:
            revision = ABSENT
            for number in range(20):
                record = await store.put(
                    setting.key(name), setting.value(str(number)), expected=revision
                )
                revision = record.revision
                store.request_progress()
            return revision

        last = max(await asyncio.gather(*map(write, "abc")))
        await watch.until(last)
    reached = start
    for batch in watch.batches[1:]:
        assert all(reached < event.revision <= batch.revision for event in batch.events)
        assert batch.revision > reached
        reached = batch.revision
    assert len(watch.events) == 60


@pytest.mark.needs("bookmarks")
async def test_bookmarkable_a_quiet_watch_tells_how_far_it_is(setting: Setting) -> None:
    store = setting.store
    start = await store.revision()
    async with watching(setting, setting.key("quiet/"), after=start) as watch:
        reading = asyncio.create_task(watch.batch())
        await asyncio.sleep(0)
        made = await store.put(setting.key("loud/a"), setting.value("v"), expected=ABSENT)
        while not reading.done():
            assert store.request_progress()
            await asyncio.wait([reading], timeout=0.01)
        batch = await reading
    assert (batch.revision, list(batch.events)) == (made.revision, [])


async def test_a_watch_begins_with_a_bookmark_where_it_begins(setting: Setting) -> None:
    store = setting.store
    made = await store.put(setting.key("a"), setting.value("v"), expected=ABSENT)
    for after in (made.revision - 1, made.revision, made.revision + 5):
        async with watching(setting, after=after, listening=False) as watch:
            first = await watch.batch()
            assert (first.revision, list(first.events)) == (after, [])


async def test_all_watches_of_a_prefix_see_the_same(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    start = await store.revision()
    async with watching(setting, after=start) as one, watching(setting, after=start) as two:
        made = await store.put(key, setting.value("v"), expected=ABSENT)
        gone = await store.delete(key, expected=made.revision)
        assert await one.until(gone.revision) == await two.until(gone.revision)


async def test_a_watch_that_is_closed_is_over(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    start = await store.revision()
    async with watching(setting, after=start) as watch:
        made = await store.put(key, setting.value("v"), expected=ABSENT)
        await watch.until(made.revision)
    await store.delete(key, expected=made.revision)
    with pytest.raises(StopAsyncIteration):
        await watch.batch()
