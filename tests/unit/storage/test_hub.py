"""The hub: delivery of events to watchers, and slow watchers."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import SlowWatcher, Unavailable
from storage.hub import Hub
from storage.interface import Batch, Event, Record


def event(key: str, revision: int) -> Event[str]:
    return Event(key, revision, Record(key, "v", revision, revision), None)


def batch(*events: Event[str]) -> Batch[str]:
    return Batch(events[-1].revision, events)


WATCHES = [
    # watched, exact, key, told
    ("", False, "/r/pods/a", True),
    ("/r/", False, "/r/pods/a", True),
    ("/r/pods/", False, "/r/pods/a", True),
    ("/r/pods/ns/", False, "/r/pods/ns/a", True),
    ("/r/pods/", False, "/r/podsecurity/a", False),
    ("/r/pods", False, "/r/podsecurity/a", True),
    ("/r/pods/a", False, "/r/pods/ab", True),
    ("/r/pods/a", True, "/r/pods/ab", False),
    ("/r/pods/a", True, "/r/pods/a", True),
    ("/r/pods/a", True, "/r/pods/a/b", False),
    ("/r/pods/", True, "/r/pods/a", False),
    ("/r/nodes/", False, "/r/pods/a", False),
    ("/r/", False, "compact_rev_key", False),
    ("", False, "compact_rev_key", True),
]


@pytest.mark.parametrize(("watched", "exact", "key", "told"), WATCHES)
def test_a_watcher_is_told_of_its_prefix(watched: str, exact: bool, key: str, told: bool) -> None:
    hub: Hub[str] = Hub(10)
    watcher = hub.join(watched, 1, exact=exact)
    hub.publish(batch(event(key, 2)))
    assert watcher.idle is not told
    hub.publish(batch(event("/other/a", 3), event(key, 4)))
    taken = watcher.take()
    if told:
        assert taken is not None
        assert [each.revision for each in taken.events if each.key == key] == [2, 4]
    else:
        assert taken is None


def test_all_watchers_of_a_prefix_are_handed_the_same_sequence() -> None:
    hub: Hub[str] = Hub(10)
    watchers = [hub.join("/r/", 0) for _ in range(3)]
    published = batch(event("/r/a", 1))
    hub.publish(published)
    taken = [watcher.take() for watcher in watchers]
    assert all(each is not None and each.events is published.events for each in taken)


def test_events_up_to_where_a_watcher_begins_are_left_out() -> None:
    hub: Hub[str] = Hub(10)
    watcher = hub.join("/r/", 2)
    hub.publish(batch(event("/r/a", 1)))
    assert watcher.idle
    hub.publish(batch(event("/r/a", 2), event("/r/b", 3)))
    taken = watcher.take()
    assert taken is not None
    assert [each.revision for each in taken.events] == [3]


def test_wake_is_called_when_something_is_due_where_nothing_was() -> None:
    hub: Hub[str] = Hub(10)
    watcher = hub.join("/r/", 0)
    calls: list[bool] = []
    watcher.wake = lambda: calls.append(watcher.idle)
    hub.publish(batch(event("/r/a", 1)))
    hub.publish(batch(event("/r/a", 2)))
    assert calls == [False]
    taken = watcher.take()
    assert taken is not None
    assert [each.revision for each in taken.events] == [1, 2]
    assert watcher.take() is None
    hub.publish(batch(event("/r/a", 3)))
    assert len(calls) == 2
    watcher.take()
    hub.fail(Unavailable("over"))
    assert len(calls) == 3
    with pytest.raises(Unavailable):
        watcher.take()


def test_a_mark_says_how_far_a_quiet_watcher_is() -> None:
    hub: Hub[str] = Hub(10)
    watcher = hub.join("/r/", 5)
    hub.mark(5)
    assert watcher.take() is None
    hub.mark(7)
    assert watcher.take() == Batch(7)
    hub.publish(batch(event("/r/a", 8)))
    hub.mark(9)
    taken = watcher.take()
    assert taken is not None
    assert (taken.revision, len(taken.events)) == (9, 1)
    assert watcher.take() is None


async def test_next_waits_for_what_is_due() -> None:
    hub: Hub[str] = Hub(10)
    watcher = hub.join("/r/", 0)
    waiting = asyncio.create_task(watcher.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    hub.publish(batch(event("/r/a", 1)))
    assert (await waiting).revision == 1


def test_a_watcher_that_does_not_read_is_ended_after_what_it_has() -> None:
    hub: Hub[str] = Hub(3)
    slow, quick = hub.join("/r/", 0), hub.join("/r/", 0)
    for revision in range(1, 6):
        hub.publish(batch(event("/r/a", revision)))
        quick.take()
    taken = slow.take()
    assert taken is not None
    assert [each.revision for each in taken.events] == [1, 2, 3]
    with pytest.raises(SlowWatcher):
        slow.take()
    assert quick.idle


def test_what_happened_before_a_watch_may_be_any_number() -> None:
    hub: Hub[str] = Hub(3)
    watcher = hub.join("/r/", 0)
    watcher.begin([event("/r/a", revision) for revision in range(1, 10)])
    hub.publish(batch(event("/r/a", 10)))
    taken = watcher.take()
    assert taken is not None
    assert [each.revision for each in taken.events] == list(range(1, 11))


def test_who_has_left_is_not_told_even_while_others_are() -> None:
    hub: Hub[str] = Hub(10)
    first, second = hub.join("/r/", 0), hub.join("/r/", 0)

    def change_places() -> None:
        first.close()
        hub.join("/r/", 1)

    first.wake = change_places
    hub.publish(batch(event("/r/a", 1)))
    assert len(hub) == 2
    second.close()
    second.close()
    assert len(hub) == 1
    hub.publish(batch(event("/r/a", 2)))
    assert first.take() == batch(event("/r/a", 1))
    assert first.take() is None
