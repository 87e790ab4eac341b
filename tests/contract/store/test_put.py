"""Puts with preconditions: applied if they hold, or else not at all."""

from __future__ import annotations

import pytest

from storage.errors import RevisionConflict, ValueTooLarge
from storage.interface import ABSENT, MAX_VALUE
from tests.contract.store.stacks import Setting


async def test_acknowledged_a_put_is_there_afterwards(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    written = await store.put(key, setting.value("one"), expected=ABSENT)
    assert (written.key, written.value) == (key, setting.value("one"))
    assert written.created == written.revision
    assert await store.get(key) == written


async def test_an_update_keeps_when_the_key_was_made(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    changed = await store.put(key, setting.value("two"), expected=made.revision)
    assert changed.created == made.revision
    assert changed.revision > made.revision
    assert await store.get(key) == changed


async def test_a_key_is_made_once(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    with pytest.raises(RevisionConflict) as refused:
        await store.put(key, setting.value("two"), expected=ABSENT)
    assert (refused.value.key, refused.value.expected) == (key, ABSENT)
    assert refused.value.current == made
    assert await store.get(key) == made


async def test_a_conflict_carries_what_is_there(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    current = await store.put(key, setting.value("two"), expected=made.revision)
    with pytest.raises(RevisionConflict) as refused:
        await store.put(key, setting.value("three"), expected=made.revision)
    assert refused.value.current == current
    assert await store.get(key) == current


async def test_a_conflict_over_a_key_that_is_gone_carries_nothing(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    await store.delete(key, expected=made.revision)
    with pytest.raises(RevisionConflict) as refused:
        await store.put(key, setting.value("two"), expected=made.revision)
    assert refused.value.current is None
    assert await store.get(key) is None


async def test_a_key_made_again_is_a_new_one(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    gone = await store.delete(key, expected=made.revision)
    again = await store.put(key, setting.value("two"), expected=ABSENT)
    assert again.created == again.revision > gone.revision


async def test_the_same_value_again_is_a_change(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    same = await store.put(key, setting.value("one"), expected=made.revision)
    assert same.revision > made.revision


async def test_atomic_a_put_happens_if_what_it_requires_holds(setting: Setting) -> None:
    store = setting.store
    parent = await store.put(setting.key("parent"), setting.value("p"), expected=ABSENT)
    requires = {parent.key: parent.revision, setting.key("rival"): ABSENT}
    child = await store.put(
        setting.key("child"), setting.value("c"), expected=ABSENT, requires=requires
    )
    assert await store.get(child.key) == child


@pytest.mark.parametrize("missing", [True, False], ids=["gone", "changed"])
async def test_atomic_a_put_does_not_happen_if_it_does_not(setting: Setting, missing: bool) -> None:
    store = setting.store
    parent = await store.put(setting.key("parent"), setting.value("p"), expected=ABSENT)
    now = None
    if missing:
        await store.delete(parent.key, expected=parent.revision)
    else:
        now = await store.put(parent.key, setting.value("q"), expected=parent.revision)
    with pytest.raises(RevisionConflict) as refused:
        await store.put(
            setting.key("child"),
            setting.value("c"),
            expected=ABSENT,
            requires={parent.key: parent.revision},
        )
    assert (refused.value.key, refused.value.expected) == (parent.key, parent.revision)
    assert refused.value.current == now
    assert await store.get(setting.key("child")) is None


async def test_a_conflict_over_the_key_itself_comes_first(setting: Setting) -> None:
    store = setting.store
    made = await store.put(setting.key("child"), setting.value("c"), expected=ABSENT)
    with pytest.raises(RevisionConflict) as refused:
        await store.put(
            made.key,
            setting.value("d"),
            expected=ABSENT,
            requires={setting.key("parent"): made.revision},
        )
    assert refused.value.key == made.key
    assert refused.value.current == made


async def test_a_value_that_is_too_large_changes_nothing(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    with pytest.raises(ValueTooLarge) as refused:
        await store.put(key, setting.value("x" * (MAX_VALUE + 1)), expected=made.revision)
    assert refused.value.key == key
    assert refused.value.size > refused.value.limit == MAX_VALUE
    assert await store.get(key) == made


async def test_a_large_value_comes_back_whole(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    large = setting.value("x" * (MAX_VALUE - 64 * 1024))
    written = await store.put(key, large, expected=ABSENT)
    found = await store.get(key)
    assert found is not None
    assert (found.value, found.revision) == (large, written.revision)


async def test_keys_and_values_may_be_of_any_script(setting: Setting) -> None:
    store, key = setting.store, setting.key("größe/日本/\N{PILE OF POO}")
    written = await store.put(key, setting.value("\0\n\"ünï'"), expected=ABSENT)
    assert await store.get(key) == written
    assert [record.key for record in (await store.list(setting.root)).records] == [key]
