"""The state of a store that has been closed and opened again."""

from __future__ import annotations

import pytest

from storage.interface import ABSENT
from tests.contract.store.stacks import Setting
from tests.contract.store.watching import shown, watching

pytestmark = pytest.mark.needs("restart")


async def test_acknowledged_changes_are_there_after_a_restart(setting: Setting) -> None:
    store = setting.store
    a = await store.put(setting.key("a"), setting.value("a"), expected=ABSENT)
    b = await store.put(setting.key("b"), setting.value("b"), expected=ABSENT)
    await store.delete(a.key, expected=a.revision)
    store = await setting.reopen()
    assert list((await store.list(setting.root)).records) == [b]
    assert await store.get(a.key, revision=a.revision) == a


async def test_monotonic_revisions_go_on_after_a_restart(setting: Setting) -> None:
    made = await setting.store.put(setting.key("a"), setting.value("a"), expected=ABSENT)
    gone = await setting.store.delete(made.key, expected=made.revision)
    await setting.store.compact(gone.revision)
    store = await setting.reopen()
    assert await store.revision() >= gone.revision
    assert (await store.put(made.key, made.value, expected=ABSENT)).revision > gone.revision


async def test_resumable_a_watch_goes_on_where_it_was_before_a_restart(setting: Setting) -> None:
    store = setting.store
    start = await store.revision()
    a = await store.put(setting.key("a"), setting.value("a"), expected=ABSENT)
    b = await store.put(setting.key("b"), setting.value("b"), expected=ABSENT)
    store = await setting.reopen()
    gone = await store.delete(a.key, expected=a.revision)
    for after, expected in ((start, [a, b, gone]), (a.revision, [b, gone])):
        async with watching(setting, after=after) as watch:
            events = await watch.until(gone.revision)
        assert shown(events) == [(each.key, each.revision) for each in expected]
        assert events[-1].previous == a


@pytest.mark.needs("clock")
async def test_what_expires_while_the_store_is_closed_is_gone(setting: Setting) -> None:
    await setting.store.put(setting.key("a"), setting.value("v"), expected=ABSENT, ttl=10)
    store = await setting.reopen()
    await setting.elapse(11)
    assert await store.get(setting.key("a")) is None
