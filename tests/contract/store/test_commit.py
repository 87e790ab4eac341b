"""Commits: several changes at one revision, or none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from storage.errors import Compacted, RevisionConflict, TooManyKeys, ValueTooLarge
from storage.interface import ABSENT, MAX_KEYS, MAX_VALUE, Delete, Put, Record
from tests.contract.store.stacks import Setting
from tests.contract.store.watching import changes_since, shown, watching


class Trio:
    """Three keys: ``a`` and ``b`` are there, ``new`` is not."""

    def __init__(self, setting: Setting, a: Record[object], b: Record[object]) -> None:
        self.setting = setting
        self.a, self.b, self.new = a, b, setting.key("new")

    def put(self, key: str, expected: int, text: str = "two") -> Put[object]:
        """Return a change."""
        return Put(key, self.setting.value(text), expected)

    def changes(self) -> list[Put[object] | Delete]:
        """Return a commit that succeeds, of every sort of change."""
        return [
            self.put(self.new, ABSENT),
            self.put(self.b.key, self.b.revision),
            Delete(self.a.key, self.a.revision),
        ]

    async def now(self) -> Sequence[Record[object]]:
        """Return all records."""
        return list((await self.setting.store.list(self.setting.root)).records)


async def trio(setting: Setting) -> Trio:
    """Make two keys."""
    first, second = setting.key("a"), setting.key("b")
    a = await setting.store.put(first, setting.value("one"), expected=ABSENT)
    b = await setting.store.put(second, setting.value("one"), expected=ABSENT)
    return Trio(setting, a, b)


async def test_atomic_a_commit_has_one_revision(setting: Setting) -> None:
    keys, two = await trio(setting), setting.value("two")
    new, changed, gone = await setting.store.commit(keys.changes())
    revision = new.revision
    assert revision > keys.b.revision
    assert new == Record(keys.new, two, revision, revision)
    assert changed == Record(keys.b.key, two, revision, keys.b.created)
    assert gone == Record(keys.a.key, keys.a.value, revision, keys.a.created)
    assert await keys.now() == [changed, new]
    assert await setting.store.get(new.key) == new


async def test_monotonic_the_change_after_a_commit_is_newer(setting: Setting) -> None:
    keys = await trio(setting)
    new, changed, gone = await setting.store.commit(keys.changes())
    again = await setting.store.put(keys.a.key, setting.value("three"), expected=ABSENT)
    assert again.created == again.revision > gone.revision
    later = await setting.store.put(new.key, setting.value("four"), expected=new.revision)
    assert later.revision > again.revision
    assert later.created == new.revision
    (last,) = await setting.store.commit([Delete(changed.key, changed.revision)])
    assert last.revision > later.revision


@pytest.mark.parametrize("wrong", [0, 1, 2])
async def test_atomic_one_conflict_refuses_the_whole_commit(setting: Setting, wrong: int) -> None:
    keys = await trio(setting)
    before, revision = await keys.now(), await setting.store.revision()
    changes = keys.changes()
    refused = [
        keys.put(keys.a.key, ABSENT),
        keys.put(keys.b.key, keys.b.revision - 1),
        Delete(keys.a.key, keys.b.revision),
    ][wrong]
    if wrong == 0:
        changes[2] = keys.put(setting.key("other"), ABSENT)
    changes[wrong] = refused
    with pytest.raises(RevisionConflict) as conflict:
        await setting.store.commit(changes)
    assert (conflict.value.key, conflict.value.expected) == (refused.key, refused.expected)
    assert conflict.value.current == (keys.b if wrong == 1 else keys.a)
    assert await keys.now() == before
    assert await changes_since(setting, revision) == []


async def test_a_conflict_is_over_the_first_key_that_differs(setting: Setting) -> None:
    keys = await trio(setting)
    changes = [keys.put(keys.new, 7), Delete(keys.b.key, 7)]
    with pytest.raises(RevisionConflict) as conflict:
        await setting.store.commit(changes, requires={keys.a.key: 7})
    assert (conflict.value.key, conflict.value.current) == (keys.new, None)
    changes = [keys.put(keys.new, ABSENT), Delete(keys.b.key, keys.b.revision)]
    with pytest.raises(RevisionConflict) as conflict:
        await setting.store.commit(changes, requires={keys.a.key: 7})
    assert (conflict.value.key, conflict.value.expected) == (keys.a.key, 7)
    assert conflict.value.current == keys.a


@pytest.mark.parametrize("deletions", [1, 2])
async def test_a_deletion_of_what_is_not_there_refuses_the_commit(
    setting: Setting, deletions: int
) -> None:
    keys = await trio(setting)
    before = await keys.now()
    absent = [Delete(setting.key(f"absent-{number}"), ABSENT) for number in range(deletions)]
    with pytest.raises(RevisionConflict) as conflict:
        await setting.store.commit([keys.put(keys.b.key, keys.b.revision), *absent])
    assert (conflict.value.key, conflict.value.current) == (absent[0].key, None)
    assert await keys.now() == before


async def test_a_commit_happens_if_what_it_requires_holds(setting: Setting) -> None:
    keys = await trio(setting)
    requires = {keys.a.key: keys.a.revision, setting.key("rival"): ABSENT}
    records = await setting.store.commit(
        [keys.put(keys.new, ABSENT), keys.put(keys.b.key, keys.b.revision)], requires=requires
    )
    assert await keys.now() == [keys.a, records[1], records[0]]


async def test_a_changed_key_may_be_required_at_what_it_expects(setting: Setting) -> None:
    keys = await trio(setting)
    requires = {keys.a.key: keys.a.revision}
    (changed,) = await setting.store.commit(
        [keys.put(keys.a.key, keys.a.revision)], requires=requires
    )
    assert await keys.now() == [changed, keys.b]


async def test_commits_that_mean_nothing_are_programming_errors(setting: Setting) -> None:
    keys = await trio(setting)
    before = await keys.now()
    update, deletion = keys.put(keys.a.key, keys.a.revision), Delete(keys.a.key, keys.a.revision)
    with pytest.raises(ValueError, match="same key"):
        await setting.store.commit([update, deletion])
    with pytest.raises(ValueError, match="at least one"):
        await setting.store.commit([])
    with pytest.raises(ValueError, match="required at"):
        await setting.store.commit([update], requires={keys.a.key: keys.b.revision})
    assert await keys.now() == before


async def test_a_commit_has_as_many_keys_as_etcd_takes_by_default(setting: Setting) -> None:
    keys = [setting.key(f"{number:03}") for number in range(MAX_KEYS)]
    made = await setting.store.commit([Put(key, setting.value("1"), ABSENT) for key in keys])
    changes = [Put(record.key, setting.value("2"), record.revision) for record in made]
    changed = await setting.store.commit(changes)
    assert list((await setting.store.list(setting.root)).records) == list(changed)
    assert len({record.revision for record in changed}) == 1
    for half in (MAX_KEYS // 2, MAX_KEYS):
        updates = [Put(each.key, setting.value("3"), each.revision) for each in changed[:half]]
        others = {setting.key(f"other-{number}"): ABSENT for number in range(MAX_KEYS + 1 - half)}
        with pytest.raises(TooManyKeys) as refused:
            await setting.store.commit(updates, requires=others)
        assert refused.value.count == MAX_KEYS + 1
    assert list((await setting.store.list(setting.root)).records) == list(changed)


async def test_values_that_are_too_large_together_change_nothing(setting: Setting) -> None:
    keys = await trio(setting)
    before = await keys.now()
    changes = [
        keys.put(keys.new, ABSENT, "x" * (MAX_VALUE // 2)),
        keys.put(keys.b.key, keys.b.revision, "y" * (MAX_VALUE // 2 + 10)),
    ]
    with pytest.raises(ValueTooLarge) as refused:
        await setting.store.commit(changes)
    assert refused.value.key == keys.b.key
    assert refused.value.size > refused.value.limit == MAX_VALUE
    assert await keys.now() == before


async def test_ordered_a_watch_gets_a_commit_in_one_batch(setting: Setting) -> None:
    keys = await trio(setting)
    async with watching(setting, after=keys.b.revision) as watch:
        new, changed, gone = await setting.store.commit(keys.changes())
        batch = await watch.batch()
    assert batch.revision == new.revision
    events = {event.key: event for event in batch.events}
    assert len(batch.events) == len(events) == 3
    assert {event.revision for event in batch.events} == {new.revision}
    assert (events[new.key].record, events[new.key].previous) == (new, None)
    assert (events[changed.key].record, events[changed.key].previous) == (changed, keys.b)
    assert (events[gone.key].record, events[gone.key].previous) == (None, keys.a)


async def test_resumable_the_history_has_commits_whole(setting: Setting) -> None:
    """A watch may begin anywhere, also at a number that no commit has got."""
    keys = await trio(setting)
    new, changed, _ = await setting.store.commit(keys.changes())
    later = await setting.store.commit(
        [Delete(new.key, new.revision), keys.put(changed.key, changed.revision)]
    )
    of_first = {(name, new.revision) for name in (new.key, changed.key, keys.a.key)}
    of_second = {(record.key, record.revision) for record in later}
    for after in range(keys.b.revision, later[0].revision):
        async with watching(setting, after=after) as watch:
            events = await watch.until(later[0].revision)
            batches = {event.revision: batch for batch in watch.batches for event in batch.events}
        expected = of_second | (of_first if after < new.revision else set())
        assert set(shown(events)) == expected
        assert len(events) == len(expected)
        assert all(revision <= batch.revision for revision, batch in batches.items())


async def test_resumable_a_long_history_of_commits_is_whole(setting: Setting) -> None:
    names = [f"{number:02}" for number in range(60)]
    start = await setting.store.revision()
    records = await setting.store.commit(
        [Put(setting.key(name), setting.value("0"), ABSENT) for name in names]
    )
    expected = set(shown_records(records))
    for number in range(14):
        changes = [Put(each.key, setting.value(str(number)), each.revision) for each in records]
        records = await setting.store.commit(changes)
        expected |= set(shown_records(records))
    async with watching(setting, after=start) as watch:
        events = await watch.until(records[0].revision)
        last = [max(each.revision for each in batch.events) for batch in watch.batches[1:]]
        first = [min(each.revision for each in batch.events) for batch in watch.batches[1:]]
    assert len(events) == 15 * len(names)
    assert set(shown(events)) == expected
    assert all(one < two for one, two in zip(last, first[1:], strict=False))


def shown_records(records: Sequence[Record[object]]) -> list[tuple[str, int]]:
    """Return the keys and revisions of records."""
    return [(record.key, record.revision) for record in records]


async def test_snapshot_a_commit_is_seen_whole_or_not_at_all(setting: Setting) -> None:
    keys = await trio(setting)
    before = await keys.now()
    new, changed, _ = await setting.store.commit(keys.changes())
    await setting.store.put(setting.key("z"), setting.value("z"), expected=ABSENT)
    for revision in range(keys.b.revision, new.revision):
        page = await setting.store.list(setting.root, revision=revision)
        assert (page.records, page.revision) == (before, revision)
        assert await setting.store.get(new.key, revision=revision) is None
        page = await setting.store.list(setting.root, limit=1, revision=revision)
        assert (list(page.records), page.remaining) == ([keys.a], 1)
    page = await setting.store.list(setting.root, revision=new.revision)
    assert list(page.records) == [changed, new]


async def test_a_compaction_keeps_commits_whole(setting: Setting) -> None:
    keys = await trio(setting)
    new, changed, _ = await setting.store.commit(keys.changes())
    await setting.store.compact(new.revision)
    assert await keys.now() == [changed, new]
    page = await setting.store.list(setting.root, revision=new.revision)
    assert list(page.records) == [changed, new]
    with pytest.raises(Compacted):
        await setting.store.list(setting.root, revision=keys.b.revision)


@pytest.mark.needs("clock")
async def test_the_keys_of_a_commit_expire_each_at_its_time(setting: Setting) -> None:
    keys = await trio(setting)
    soon, late = Put(setting.key("soon"), setting.value("v"), ABSENT, ttl=10), keys.new
    await setting.store.commit([soon, Put(late, setting.value("v"), ABSENT, ttl=100)])
    await setting.elapse(11)
    assert [record.key for record in await keys.now()] == [keys.a.key, keys.b.key, late]
    await setting.elapse(90)
    assert [record.key for record in await keys.now()] == [keys.a.key, keys.b.key]


async def test_atomic_transfers_between_two_keys_lose_nothing(setting: Setting) -> None:
    """Every writer takes from one key and adds to the other, in one commit."""
    keys = [setting.key("a"), setting.key("b")]
    store = setting.store
    await store.commit([Put(key, setting.value("1000"), ABSENT) for key in keys])

    def amount(record: Record[object]) -> int:
        value = record.value
        return int(value if isinstance(value, bytes) else value["text"])  # type: ignore[index]

    async def transfer(source: int, share: int) -> None:
        while True:
            found = [await store.get(key) for key in keys]
            records = [record for record in found if record is not None]
            sums = [amount(record) for record in records]
            sums[source] -= share
            sums[1 - source] += share
            try:
                await store.commit(
                    [
                        Put(record.key, setting.value(str(total)), record.revision)
                        for record, total in zip(records, sums, strict=True)
                    ]
                )
            except RevisionConflict:
                continue
            return

    await asyncio.gather(*(transfer(number % 2, number) for number in range(16)))
    records = (await store.list(setting.root)).records
    assert sum(map(amount, records)) == 2000
    assert amount(records[0]) == 1000 + sum(range(1, 16, 2)) - sum(range(0, 16, 2))
    assert len({record.revision for record in records}) == 1
