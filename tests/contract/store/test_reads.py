"""Reads of the latest state and of older ones."""

from __future__ import annotations

import pytest

from storage.errors import FutureRevision
from storage.interface import ABSENT
from tests.contract.store.stacks import Setting


async def test_what_was_never_written_is_none(setting: Setting) -> None:
    assert await setting.store.get(setting.key("a")) is None


async def test_the_revision_of_a_new_store_is_not_zero(setting: Setting) -> None:
    assert await setting.store.revision() >= 1


async def test_linearizable_every_read_sees_every_acknowledged_change(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    current = await store.put(key, setting.value("0"), expected=ABSENT)
    for number in range(1, 30):
        current = await store.put(key, setting.value(str(number)), expected=current.revision)
        match number % 3:
            case 0:
                assert await store.get(key) == current
            case 1:
                page = await store.list(setting.root)
                assert list(page.records) == [current]
                assert page.revision >= current.revision
            case _:
                assert await store.revision() >= current.revision
    gone = await store.delete(key, expected=current.revision)
    assert await store.get(key) is None
    assert list((await store.list(setting.root)).records) == []
    assert await store.revision() >= gone.revision


async def test_monotonic_every_change_has_a_later_revision(setting: Setting) -> None:
    store = setting.store
    revisions = [await store.revision()]
    for number in range(5):
        made = await store.put(setting.key(str(number)), setting.value("v"), expected=ABSENT)
        revisions.append(made.revision)
        revisions.append((await store.delete(made.key, expected=made.revision)).revision)
    assert revisions == sorted(set(revisions))


async def test_a_key_is_read_as_it_was_at_a_revision(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    before = await store.revision()
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    changed = await store.put(key, setting.value("two"), expected=made.revision)
    gone = await store.delete(key, expected=changed.revision)
    again = await store.put(key, setting.value("three"), expected=ABSENT)
    assert await store.get(key, revision=before) is None
    assert await store.get(key, revision=made.revision) == made
    assert await store.get(key, revision=changed.revision) == changed
    assert await store.get(key, revision=gone.revision) is None
    assert await store.get(key, revision=again.revision) == again


@pytest.mark.parametrize("far", [1000, 1 << 63, (1 << 64) - 1])
async def test_a_revision_to_come_cannot_be_read(setting: Setting, far: int) -> None:
    store = setting.store
    await store.put(setting.key("a"), setting.value("one"), expected=ABSENT)
    current = await store.revision()
    to_come = max(current + 1000, far)
    for read, where in ((store.get, setting.key("a")), (store.list, setting.root)):
        with pytest.raises(FutureRevision) as refused:
            await read(where, revision=to_come)
        assert refused.value.requested == to_come
        assert current <= refused.value.current < current + 1000


@pytest.mark.needs("alone")
async def test_a_store_that_nobody_else_writes_knows_its_revision(setting: Setting) -> None:
    store = setting.store
    for number in range(3):
        made = await store.put(setting.key(str(number)), setting.value("v"), expected=ABSENT)
        assert store.current_revision() == made.revision == await store.revision()
