"""The cache's window: pages cost what they hold, and events are forgotten oldest first."""

from __future__ import annotations

from itertools import pairwise

import pytest

from storage.cache import window as module
from storage.cache.sortedrecords import MAX_BLOCK_SIZE
from storage.cache.window import MAX_BYTES, Window
from storage.interface import Batch, Event, Record


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_EVENTS", 0)


def record(key: str, revision: int) -> Record[str]:
    return Record(key, f"{key}@{revision}", revision, revision)


def put(key: str, revision: int, previous: int = 0) -> Event[str]:
    return Event(key, revision, record(key, revision), record(key, previous) if previous else None)


def deletion(key: str, revision: int, previous: int) -> Event[str]:
    return Event(key, revision, None, record(key, previous))


def loaded(capacity: int, revision: int, *records: Record[str]) -> Window[str]:
    window: Window[str] = Window(capacity)
    window.add(sorted(records, key=lambda each: each.key))
    window.begin(revision)
    return window


def test_a_page_holds_the_keys_of_its_prefix_in_order() -> None:
    window = loaded(10, 7, *(record(key, 2) for key in ("/b/2", "/a/1", "/b/1", "/b/3", "/c/1")))
    page = window.list("/b/", limit=2)
    assert [item.key for item in page.records] == ["/b/1", "/b/2"]
    assert (page.revision, page.remaining) == (7, 1)
    assert [item.key for item in window.list("/b/", start="/b/2\0").records] == ["/b/3"]


def test_events_change_the_state() -> None:
    window = loaded(10, 2, *(record(f"/a/{number}", 2) for number in (1, 3)))
    window.apply(Batch(4, [put("/a/2", 3), deletion("/a/1", 4, 2)]))
    assert window.get("/a/1") is None
    assert window.get("/a/2") == record("/a/2", 3)
    assert [event.revision for event in window.since(2, "/a/")] == [3, 4]
    assert [item.key for item in window.list("").records] == ["/a/2", "/a/3"]
    assert (window.revision, window.oldest) == (4, 2)


def test_events_are_forgotten_when_they_are_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_EVENTS", 100)
    third = MAX_BYTES // 3
    window: Window[str] = Window(100, lambda _: third)
    window.begin(1)
    for revision in range(2, 7):
        window.apply(Batch(revision, [put("/a/1", revision, revision - 1)]))
    assert [event.revision for event in window.since(window.oldest, "/a/")] == [4, 5, 6]
    window.apply(Batch(9, [deletion("/a/1", 7, 6), put("/a/2", 8), put("/a/3", 8)]))
    assert [event.revision for event in window.since(window.oldest, "/a/")] == [7, 8, 8]
    assert (window.oldest, window.get("/a/2")) == (6, record("/a/2", 8))


def test_a_bookmark_moves_the_revision_alone() -> None:
    window = loaded(10, 2, record("/a/1", 2))
    window.apply(Batch(9))
    assert (window.revision, window.oldest, window.events, len(window)) == (9, 2, 0, 1)


def test_events_are_told_in_terms_of_the_records_that_are_known() -> None:
    known = record("/a/1", 2)
    window = loaded(10, 2, known, record("/a/2", 2), record("/a/3", 2))
    (event,) = window.apply(Batch(3, [put("/a/1", 3, 2)])).events
    assert event.previous is known
    (event,) = window.apply(Batch(4, [deletion("/a/1", 4, 3)])).events
    assert event.previous is window.since(2, "")[0].record


def test_as_many_events_are_remembered_as_there_are_records() -> None:
    window = loaded(10, 5, *(record(f"/a/{number}", 2) for number in range(3)))
    for revision in range(6, 11):
        window.apply(Batch(revision, [put("/a/0", revision, revision - 1)]))
    assert [event.revision for event in window.since(7, "")] == [8, 9, 10]
    assert window.oldest == 7


def test_there_is_a_limit_however_many_records_there_are() -> None:
    window = loaded(2, 9, *(record(f"/a/{number}", 2) for number in range(9)))
    window.apply(Batch(13, [put("/a/0", revision) for revision in range(10, 14)]))
    assert [event.revision for event in window.since(11, "")] == [12, 13]
    assert window.oldest == 11


def test_a_revision_is_forgotten_whole() -> None:
    """A lease that ends deletes many keys at one revision."""
    window = loaded(2, 5, *(record(f"/a/{number}", 2) for number in range(9)))
    window.apply(Batch(6, [deletion(f"/a/{number}", 6, 2) for number in range(3)]))
    assert (window.oldest, window.events) == (6, 0)
    window.apply(Batch(7, [put("/a/8", 7, 2)]))
    assert [event.revision for event in window.since(6, "")] == [7]


def test_a_new_state_begins_with_what_was_added(monkeypatch: pytest.MonkeyPatch) -> None:
    window = loaded(10, 5, record("/a/1", 2))
    window.apply(Batch(6, [put("/a/2", 6)]))
    new = window.empty()
    new.add([record("/b/1", 3)])
    new.add([record("/b/2", 3)])
    new.begin(4)
    assert (new.revision, new.oldest, new.events, new.last_change("/b/")) == (4, 4, 0, 4)
    assert [item.key for item in new.list("").records] == ["/b/1", "/b/2"]
    assert [item.key for item in window.list("").records] == ["/a/1", "/a/2"]


def test_a_state_is_freed_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_EVENTS", 1000)
    window = loaded(5000, 1, *(record(f"/a/{number:04}", 1) for number in range(5000)))
    window.apply(Batch(2, [put(f"/a/{number:04}", 2, 1) for number in range(4000)]))
    steps = [(len(window), window.events)]
    steps += [(len(window), window.events) for _ in window.drop()]
    assert steps[-1] == (0, 0)
    assert max(before[0] - after[0] for before, after in pairwise(steps)) <= MAX_BLOCK_SIZE
    assert max(before[1] - after[1] for before, after in pairwise(steps)) <= 1000
