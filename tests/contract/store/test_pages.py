"""Lists: in the order of keys, page by page, all of one revision."""

from __future__ import annotations

import pytest

from storage.interface import ABSENT, Record
from tests.contract.store.stacks import Setting


async def fill(setting: Setting, *names: str) -> list[Record[object]]:
    """Make keys, in this order."""
    return [
        await setting.store.put(setting.key(name), setting.value(name), expected=ABSENT)
        for name in names
    ]


def names(setting: Setting, records: object) -> list[str]:
    """Return the keys of records without the root."""
    return [record.key.removeprefix(setting.root) for record in records]  # type: ignore[attr-defined]


async def test_records_come_in_the_byte_order_of_their_keys(setting: Setting) -> None:
    await fill(setting, "b", "a/b", "a-b", "a", "ä", "B", "\N{PILE OF POO}", "\ufffd", "a0")
    page = await setting.store.list(setting.root)
    found = names(setting, page.records)
    assert found == sorted(found, key=str.encode)
    assert len(found) == 9
    assert page.remaining == 0


async def test_a_prefix_is_a_prefix(setting: Setting) -> None:
    await fill(setting, "pods/a", "pods/b", "pods", "podsecurity/c", "pod/d")
    found = await setting.store.list(setting.key("pods/"))
    assert names(setting, found.records) == ["pods/a", "pods/b"]
    found = await setting.store.list(setting.key("pods"))
    assert names(setting, found.records) == ["pods", "pods/a", "pods/b", "podsecurity/c"]
    assert (await setting.store.list(setting.key("nodes/"))).records == []


async def test_a_page_tells_how_many_follow(setting: Setting) -> None:
    await fill(setting, "a", "b", "c", "d", "e")
    store = setting.store
    for limit, start, expected, remaining in (
        (2, "", ["a", "b"], 3),
        (2, "c", ["c", "d"], 1),
        (2, "d", ["d", "e"], 0),
        (2, "d\0", ["e"], 0),
        (5, "", ["a", "b", "c", "d", "e"], 0),
        (9, "", ["a", "b", "c", "d", "e"], 0),
        (0, "b", ["b", "c", "d", "e"], 0),
        (1, "e\0", [], 0),
    ):
        page = await store.list(setting.root, start=setting.key(start), limit=limit)
        assert names(setting, page.records) == expected
        assert page.remaining == remaining


async def test_a_start_before_the_prefix_leaves_the_prefix_alone(setting: Setting) -> None:
    await fill(setting, "a/1", "b/1", "b/2", "c/1")
    page = await setting.store.list(setting.key("b/"), start=setting.key("a/"), limit=1)
    assert (names(setting, page.records), page.remaining) == (["b/1"], 1)
    page = await setting.store.list(setting.key("b/"), start=setting.key("c/"))
    assert (list(page.records), page.remaining) == ([], 0)


async def test_snapshot_pages_of_one_revision_agree(setting: Setting) -> None:
    """Keys written, changed and deleted after the first page do not show in the next ones."""
    store = setting.store
    a, b, c, d, e = await fill(setting, "a", "b", "c", "d", "e")
    first = await store.list(setting.root, limit=2)
    await store.put(setting.key("bb"), setting.value("new"), expected=ABSENT)
    await store.put(d.key, setting.value("changed"), expected=d.revision)
    await store.delete(e.key, expected=e.revision)
    rest = await store.list(setting.root, start=b.key + "\0", limit=9, revision=first.revision)
    assert [*first.records, *rest.records] == [a, b, c, d, e]
    assert (first.remaining, rest.remaining) == (3, 0)
    assert rest.revision == first.revision


async def test_snapshot_a_page_at_an_old_revision_counts_what_followed_then(
    setting: Setting,
) -> None:
    store = setting.store
    a, b, c = await fill(setting, "a", "b", "c")
    await store.delete(b.key, expected=b.revision)
    await fill(setting, "d", "e")
    page = await store.list(setting.root, limit=1, revision=c.revision)
    assert (list(page.records), page.remaining, page.revision) == ([a], 2, c.revision)


async def test_snapshot_a_list_is_not_older_than_what_it_holds(setting: Setting) -> None:
    records = await fill(setting, "a", "b")
    page = await setting.store.list(setting.root)
    assert list(page.records) == records
    assert page.revision >= records[-1].revision
    assert page.revision == (await setting.store.revision())


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
async def test_the_pages_of_a_list_are_the_list(setting: Setting, limit: int) -> None:
    records = await fill(setting, *(f"{number:03}" for number in range(20)))
    first = await setting.store.list(setting.root, limit=limit)
    found, page = list(first.records), first
    while page.remaining:
        assert page.remaining == len(records) - len(found)
        page = await setting.store.list(
            setting.root, start=found[-1].key + "\0", limit=limit, revision=first.revision
        )
        found.extend(page.records)
    assert found == records
