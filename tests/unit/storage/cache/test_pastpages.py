"""Pages as of an earlier revision are those that were shown then."""

from __future__ import annotations

import random

import pytest

from storage.cache.sortedrecords import SortedRecords
from storage.cache.window import Window
from storage.interface import Batch, Event, Page, Record

PREFIXES = ("/r/", "/r/a/", "/r/b/", "/r/a/1")


def change(window: Window[str], chosen: random.Random) -> None:
    """Create, change or delete one or two keys at one revision."""
    revision = window.revision + 1
    events = []
    for key in {f"/r/{chosen.choice('ab')}/{chosen.randrange(20)}" for _ in range(2)}:
        known = window.get(key)
        created = known.created if known else revision
        gone = known is not None and chosen.random() < 0.4
        record = None if gone else Record(key, str(revision), revision, created)
        # A feed leaves out the previous record.
        events.append(Event(key, revision, record, None))
    window.apply(Batch(revision, events))


def all_pages(window: Window[str], revision: int | None, limit: int) -> list[Page[str]]:
    """Return every page of every prefix, now or at a revision, from every key on."""
    starts = ("", *(f"/r/{folder}/{number}" for folder in "ab" for number in range(20)))
    return [
        window.list(prefix, start, limit)
        if revision is None
        else window.list_at(prefix, start, limit, revision)
        for prefix in PREFIXES
        for start in starts
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limit", [0, 1, 3, 50])
def test_an_earlier_page_is_what_it_was(seed: int, limit: int) -> None:
    chosen = random.Random(seed)
    window: Window[str] = Window(1000)
    shown: dict[int, list[Page[str]]] = {}
    for _ in range(40):
        shown[window.revision] = all_pages(window, None, limit)
        change(window, chosen)
    for revision, pages in shown.items():
        assert all_pages(window, revision, limit) == pages


def test_a_page_reads_no_more_than_itself_and_the_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    window: Window[str] = Window(1000)
    records = [Record(f"/r/a/{number:05}", "v", 1, 1) for number in range(10_000)]
    window.add(records)
    window.begin(1)
    chosen = random.Random(1)
    for _ in range(10):
        change(window, chosen)
    changes = window.events
    read: list[int] = []
    between = SortedRecords.between

    def counted(
        records: SortedRecords[str], start: str, end: str, limit: int = 0
    ) -> tuple[list[Record[str]], int]:
        found = between(records, start, end, limit)
        read.append(len(found[0]))
        return found

    monkeypatch.setattr(SortedRecords, "between", counted)
    page = window.list_at("/r/a/", "/r/a/05000", 500, 1)
    assert list(page.records) == records[5000:5500]
    assert page.remaining == 4500
    assert len(read) == 1
    assert read[0] <= 500 + changes
