"""Compaction removes history and keeps current values."""

from __future__ import annotations

import pytest

from storage.errors import Compacted, FutureRevision
from storage.interface import ABSENT, Record
from tests.contract.store.stacks import Setting
from tests.contract.store.watching import shown, watching


async def history(setting: Setting) -> list[Record[object]]:
    """Make ``a`` at three revisions, ``b`` at one, and ``c`` that is deleted at the fifth."""
    store = setting.store
    one = await store.put(setting.key("a"), setting.value("one"), expected=ABSENT)
    b = await store.put(setting.key("b"), setting.value("b"), expected=ABSENT)
    two = await store.put(one.key, setting.value("two"), expected=one.revision)
    c = await store.put(setting.key("c"), setting.value("c"), expected=ABSENT)
    gone = await store.delete(c.key, expected=c.revision)
    three = await store.put(one.key, setting.value("three"), expected=two.revision)
    return [one, b, two, c, gone, three]


async def seen(setting: Setting, first: Record[object], last: Record[object]) -> None:
    """Wait until a watch tells of changes; a cache that is told of them later begins again."""
    async with watching(setting, after=first.revision) as watch:
        await watch.until(last.revision)


async def test_what_lives_survives_a_compaction(setting: Setting) -> None:
    _one, b, _two, _c, _gone, three = await history(setting)
    await setting.store.compact(three.revision)
    assert list((await setting.store.list(setting.root)).records) == [three, b]
    assert await setting.store.get(b.key) == b
    assert await setting.store.get(b.key, revision=three.revision) == b
    assert await setting.store.get(setting.key("c")) is None


async def test_older_revisions_cannot_be_read_any_more(setting: Setting) -> None:
    one, _b, two, _c, gone, _three = await history(setting)
    await setting.store.compact(gone.revision)
    for read, where in ((setting.store.get, one.key), (setting.store.list, setting.root)):
        with pytest.raises(Compacted) as refused:
            await read(where, revision=two.revision)
        assert refused.value.requested == two.revision
    assert await setting.store.get(one.key, revision=gone.revision) == two
    at = await setting.store.list(setting.root, revision=gone.revision)
    assert [record.key for record in at.records] == [setting.key("a"), setting.key("b")]


async def test_resumable_a_watch_from_before_a_compaction_is_refused_or_whole(
    setting: Setting,
) -> None:
    """A cache may remember more than the store; whoever has a part of the history has it all."""
    one, b, two, c, gone, three = await history(setting)
    await seen(setting, one, three)
    await setting.store.compact(gone.revision)
    for after in (b.revision, two.revision, c.revision):
        following = [each for each in (two, c, gone, three) if each.revision > after]
        async with watching(setting, after=after, listening=False) as watch:
            try:
                await watch.until(three.revision)
            except Compacted:
                following = []
        assert shown(watch.events) == [(each.key, each.revision) for each in following]


async def test_resumable_a_watch_from_a_compaction_on_is_whole(setting: Setting) -> None:
    one, _b, two, c, gone, three = await history(setting)
    await seen(setting, one, three)
    await setting.store.compact(c.revision)
    async with watching(setting, after=c.revision) as watch:
        events = await watch.until(three.revision)
    assert shown(events) == [(gone.key, gone.revision), (three.key, three.revision)]
    assert [event.previous for event in events] == [c, two]


async def test_a_watch_goes_on_through_a_compaction(setting: Setting) -> None:
    start = await setting.store.revision()
    async with watching(setting, after=start) as watch:
        one, *_, three = await history(setting)
        await watch.until(three.revision)
        await setting.store.compact(three.revision)
        last = await setting.store.put(one.key, setting.value("4"), expected=three.revision)
        assert len(await watch.until(last.revision)) == 7


async def test_monotonic_the_revision_of_a_forgotten_deletion_does_not_come_again(
    setting: Setting,
) -> None:
    made = await setting.store.put(setting.key("a"), setting.value("v"), expected=ABSENT)
    gone = await setting.store.delete(made.key, expected=made.revision)
    await setting.store.compact(gone.revision)
    assert await setting.store.revision() >= gone.revision
    again = await setting.store.put(made.key, setting.value("v"), expected=ABSENT)
    assert again.revision > gone.revision


async def test_history_is_forgotten_once(setting: Setting) -> None:
    *_, gone, three = await history(setting)
    await setting.store.compact(three.revision)
    for revision in (gone.revision, three.revision):
        with pytest.raises(Compacted):
            await setting.store.compact(revision)


async def test_the_future_cannot_be_forgotten(setting: Setting) -> None:
    current = await setting.store.revision()
    with pytest.raises(FutureRevision):
        await setting.store.compact(current + 1000)
