"""Time to live: expired keys are deleted, and watches get the deletions."""

from __future__ import annotations

import pytest

from storage.interface import ABSENT
from tests.contract.store.stacks import Setting
from tests.contract.store.watching import watching

pytestmark = pytest.mark.needs("clock")


async def test_what_has_expired_is_deleted_and_watches_are_told(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    start = await store.revision()
    async with watching(setting, after=start) as watch:
        made = await store.put(key, setting.value("v"), expected=ABSENT, ttl=10)
        await setting.elapse(9)
        assert await store.get(key) == made
        await setting.elapse(2)
        assert await store.get(key) is None
        now = await store.revision()
        (_, event) = await watch.until(now)
    assert now > made.revision
    assert (event.key, event.record, event.previous) == (key, None, made)


async def test_a_change_without_a_time_to_live_lives_for_ever(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("v"), expected=ABSENT, ttl=10)
    kept = await store.put(key, setting.value("w"), expected=made.revision)
    await setting.elapse(1000)
    assert await store.get(key) == kept


async def test_a_change_with_a_time_to_live_begins_it_anew(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("v"), expected=ABSENT, ttl=10)
    await setting.elapse(8)
    renewed = await store.put(key, setting.value("w"), expected=made.revision, ttl=10)
    await setting.elapse(8)
    assert await store.get(key) == renewed
    await setting.elapse(3)
    assert await store.get(key) is None


async def test_what_was_deleted_does_not_expire_later(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("v"), expected=ABSENT, ttl=10)
    await store.delete(key, expected=made.revision)
    again = await store.put(key, setting.value("w"), expected=ABSENT)
    await setting.elapse(1000)
    assert await store.get(key) == again


async def test_many_keys_expire_together(setting: Setting) -> None:
    store = setting.store
    for number in range(20):
        await store.put(
            setting.key(str(number)), setting.value("v"), expected=ABSENT, ttl=10 + number % 2
        )
    kept = await store.put(setting.key("kept"), setting.value("v"), expected=ABSENT, ttl=1000)
    await setting.elapse(100)
    assert list((await store.list(setting.root)).records) == [kept]
