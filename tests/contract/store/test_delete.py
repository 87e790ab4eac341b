"""Deletions, with and without preconditions."""

from __future__ import annotations

import pytest

from storage.errors import RevisionConflict
from storage.interface import ABSENT
from tests.contract.store.stacks import Setting
from tests.contract.store.watching import changes_since


async def test_a_deletion_returns_what_was_there_at_a_revision_of_its_own(
    setting: Setting,
) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    gone = await store.delete(key, expected=made.revision)
    assert (gone.key, gone.value, gone.created) == (key, made.value, made.created)
    assert gone.revision > made.revision
    assert await store.revision() >= gone.revision
    assert await store.get(key) is None


async def test_a_deletion_of_an_older_state_is_refused(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    current = await store.put(key, setting.value("two"), expected=made.revision)
    with pytest.raises(RevisionConflict) as refused:
        await store.delete(key, expected=made.revision)
    assert (refused.value.key, refused.value.expected) == (key, made.revision)
    assert refused.value.current == current
    assert await store.get(key) == current


async def test_a_second_deletion_is_refused(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    await store.delete(key, expected=made.revision)
    with pytest.raises(RevisionConflict) as refused:
        await store.delete(key, expected=made.revision)
    assert refused.value.current is None


async def test_what_is_not_there_cannot_be_deleted(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    before = await store.revision()
    with pytest.raises(RevisionConflict) as refused:
        await store.delete(key, expected=ABSENT)
    assert refused.value.current is None
    assert await changes_since(setting, before) == []


async def test_what_is_there_cannot_be_deleted_as_absent(setting: Setting) -> None:
    store, key = setting.store, setting.key("a")
    made = await store.put(key, setting.value("one"), expected=ABSENT)
    with pytest.raises(RevisionConflict) as refused:
        await store.delete(key, expected=ABSENT)
    assert refused.value.current == made
    assert await store.get(key) == made
