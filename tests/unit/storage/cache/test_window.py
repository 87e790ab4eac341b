"""The cache's window: pages cost what they hold, and events are forgotten oldest first."""

from __future__ import annotations

from storage.cache.window import Window
from storage.interface import Batch, Event, Page, Record


def record(key: str, revision: int) -> Record[str]:
    return Record(key, f"{key}@{revision}", revision, revision)


def test_a_page_holds_the_keys_of_its_prefix_in_order() -> None:
    window: Window[str] = Window(10)
    window.load(Page([record(key, 2) for key in ("/b/2", "/a/1", "/b/1", "/b/3", "/c/1")], 7))
    page = window.page("/b/", limit=2)
    assert [item.key for item in page.records] == ["/b/1", "/b/2"]
    assert (page.revision, page.remaining, window.count("/b/")) == (7, 1, 3)
    assert [item.key for item in window.page("/b/", start="/b/2\0").records] == ["/b/3"]


def test_events_change_the_state_and_are_remembered_up_to_a_bound() -> None:
    window: Window[str] = Window(2)
    window.load(Page([record("/a/1", 2)], 2))
    made = record("/a/2", 3)
    window.apply(Batch(3, [Event("/a/2", 3, made, None)]))
    window.apply(Batch(4, [Event("/a/1", 4, None, record("/a/1", 2))]))
    assert window.get("/a/1") is None
    assert window.get("/a/2") == made
    assert [event.revision for event in window.since(2, "/a/")] == [3, 4]
    window.apply(Batch(5, [Event("/b/1", 5, record("/b/1", 5), None)]))
    assert (window.oldest, window.revision) == (3, 5)
    assert [event.revision for event in window.since(3, "/a/")] == [4]
