"""Many writers at once."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import RevisionConflict
from storage.interface import ABSENT
from tests.contract.store.stacks import Setting


async def test_atomic_of_many_who_make_a_key_one_does(setting: Setting) -> None:
    conflicts: list[RevisionConflict] = []

    async def make(number: int) -> int | None:
        try:
            record = await setting.store.put(
                setting.key("a"), setting.value(str(number)), expected=ABSENT
            )
        except RevisionConflict as conflict:
            conflicts.append(conflict)
            return None
        return record.revision

    made = [revision for revision in await asyncio.gather(*map(make, range(20))) if revision]
    found = await setting.store.get(setting.key("a"))
    assert found is not None
    assert made == [found.revision]
    assert [conflict.current for conflict in conflicts] == 19 * [found]


async def test_atomic_no_increment_is_lost(setting: Setting) -> None:
    """Every writer adds up on a counter, from what the conflict tells it to be there."""
    key = setting.key("counter")
    await setting.store.put(key, setting.value("0"), expected=ABSENT)

    async def increment() -> None:
        current = await setting.store.get(key)
        while True:
            assert current is not None
            text = current.value if isinstance(current.value, bytes) else current.value["text"]
            following = setting.value(str(int(text) + 1))
            try:
                await setting.store.put(key, following, expected=current.revision)
            except RevisionConflict as conflict:
                current = conflict.current
            else:
                return

    await asyncio.gather(*(increment() for _ in range(25)))
    found = await setting.store.get(key)
    assert found is not None
    assert found.value == setting.value("25")


async def test_many_writers_of_different_keys_never_fail(setting: Setting) -> None:
    async def write(name: str) -> list[int]:
        revisions = [ABSENT]
        for number in range(6):
            record = await setting.store.put(
                setting.key(name), setting.value(str(number)), expected=revisions[-1]
            )
            revisions.append(record.revision)
        return revisions[1:]

    written = await asyncio.gather(*(write(f"{number:02}") for number in range(50)))
    revisions = [revision for each in written for revision in each]
    assert len(set(revisions)) == 300
    assert len((await setting.store.list(setting.root)).records) == 50


@pytest.mark.needs("restart")
async def test_acknowledged_many_writes_are_there_after_a_restart(setting: Setting) -> None:
    async def write(number: int) -> object:
        return await setting.store.put(
            setting.key(f"{number:02}"), setting.value(str(number)), expected=ABSENT
        )

    written = await asyncio.gather(*map(write, range(60)))
    store = await setting.reopen()
    assert list((await store.list(setting.root)).records) == list(written)
