"""Watchers that only events with one value of the object concern, found by that value.

Thousands of watchers may each wait for another value: every node for its own Pods. A change reads
the value of the object before and after it, once for all of them, and costs the others nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, Protocol, TypeVar

from storage.interface import Event
from storage.valueclass import valueclass

V = TypeVar("V")
W = TypeVar("W", bound=Hashable)
R = TypeVar("R", contravariant=True)


class ValueReader(Protocol[R]):
    """Reads one value of an object; readers of the same value are equal."""

    def __call__(self, value: R, /) -> str | None:
        """Return the value, ``None`` if it is unknown. Must not raise."""
        ...


@valueclass
class WatchCondition(Generic[V]):
    """A watcher is concerned by an object of which ``read`` returns ``value``, or ``None``."""

    read: ValueReader[V]
    value: str


class ConditionalWatchers(Generic[V, W]):
    """The watchers of one prefix, by what reads their value and by the value.

    Dicts serve as ordered sets, as in `storage.hub`.
    """

    def __init__(self) -> None:
        self._by_reader: dict[ValueReader[V], dict[str, dict[W, None]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[W]:
        for groups in self._by_reader.values():
            for group in groups.values():
                yield from group

    def add(self, watcher: W, condition: WatchCondition[V]) -> None:
        """Add a watcher."""
        groups = self._by_reader.setdefault(condition.read, {})
        groups.setdefault(condition.value, {})[watcher] = None
        self._count += 1

    def discard(self, watcher: W, condition: WatchCondition[V]) -> None:
        """Remove a watcher. Removing it again has no effect."""
        groups = self._by_reader.get(condition.read, {})
        group = groups.get(condition.value, {})
        if watcher not in group:
            return
        del group[watcher]
        self._count -= 1
        if not group:
            del groups[condition.value]
        if not groups:
            del self._by_reader[condition.read]

    def concerned(self, event: Event[V]) -> Iterator[dict[W, None]]:
        """Yield the groups of watchers that an event concerns."""
        states = [record.value for record in (event.previous, event.record) if record is not None]
        for read, groups in self._by_reader.items():
            values = {read(state) for state in states}
            if None in values:
                yield from groups.values()
                continue
            for value in values:
                if value in groups:
                    yield groups[value]
