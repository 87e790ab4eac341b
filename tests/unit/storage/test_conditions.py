"""Watchers with a condition: whom an event concerns, and what finding them costs."""

from __future__ import annotations

import pytest

from storage.conditions import WatchCondition
from storage.hub import Hub, Watcher
from storage.interface import Batch, Event, Record


class Colour:
    """Reads a value that is the text itself; ``?`` cannot be read."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, value: str) -> str | None:
        self.read += 1
        return None if value == "?" else value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Colour)

    def __hash__(self) -> int:
        return 1


def event(before: str, after: str, revision: int = 1) -> Event[str]:
    old, new = (Record("/r/ns/a", each, 1, 1) if each else None for each in (before, after))
    return Event("/r/ns/a", revision, new, old)


def joined(hub: Hub[str], *colours: str, prefix: str = "/r/") -> list[Watcher[str]]:
    return [hub.join(prefix, 0, condition=WatchCondition(Colour(), each)) for each in colours]


CHANGES = [
    ("", "red", {"red"}),
    ("red", "", {"red"}),
    ("red", "red", {"red"}),
    ("red", "blue", {"red", "blue"}),
    ("green", "black", set[str]()),
    ("?", "green", {"red", "blue"}),
    ("", "?", {"red", "blue"}),
]


@pytest.mark.parametrize(("before", "after", "told"), CHANGES)
def test_a_watcher_gets_the_events_before_or_after_which_its_condition_is_met(
    before: str, after: str, told: set[str]
) -> None:
    hub: Hub[str] = Hub(10)
    watchers = dict(zip(("red", "blue"), joined(hub, "red", "blue"), strict=True))
    (inner,) = joined(hub, "red", prefix="/r/ns/")
    (other,) = joined(hub, "red", prefix="/r/other/")
    published = event(before, after)
    hub.publish(Batch(1, [published]))
    assert {name for name, watcher in watchers.items() if not watcher.idle} == told
    assert inner.idle is ("red" not in told)
    assert other.idle
    assert all(watchers[name].take() == Batch(1, [published]) for name in told), (
        "each of them gets it once"
    )


def test_a_batch_is_told_in_its_order_and_leaves_out_what_does_not_matter() -> None:
    hub: Hub[str] = Hub(10)
    (red,) = joined(hub, "red")
    events = [event("", "red", 1), event("red", "blue", 2), event("blue", "green", 3)]
    hub.publish(Batch(3, events))
    assert red.take() == Batch(2, events[:2])


def test_what_a_change_costs_does_not_grow_with_the_watchers() -> None:
    hub: Hub[str] = Hub(10)
    watchers = joined(hub, *(str(number) for number in range(1000)))
    woken: list[int] = []
    for number, watcher in enumerate(watchers):
        watcher.wake = lambda number=number: woken.append(number)  # type: ignore[misc]
    hub.publish(Batch(1, [event("7", "8")]))
    assert woken == [8, 7] or woken == [7, 8]
    readers = [watcher.condition.read for watcher in watchers if watcher.condition is not None]
    assert sum(each.read for each in readers if isinstance(each, Colour)) == 2


def test_watchers_with_a_condition_are_counted_marked_and_ended_like_others() -> None:
    hub: Hub[str] = Hub(10)
    first, second = joined(hub, "red", "red")
    other = hub.join("/r/", 0)
    assert (len(hub), hub.watchers_of("/r/")) == (3, 3)
    hub.mark(5)
    assert [each.take() for each in (first, second, other)] == [Batch(5)] * 3
    first.close()
    first.close()
    assert (len(hub), hub.watchers_of("/r/")) == (2, 2)
    hub.publish(Batch(6, [event("", "red", 6)]))
    assert first.idle
    assert not second.idle
    second.close()
    assert hub.watchers_of("/r/") == 1
