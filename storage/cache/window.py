"""The live records, in the order of their keys, and the recent events. Pure.

The records are a dict and, beside it, the sorted list of its keys, so that a page costs what it
holds and not what the store holds. The recent events are a ring: ``oldest`` is the revision after
which it is complete.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from storage.interface import Batch, Event, Page, Record

V = TypeVar("V")

# Greater than every character that a key may hold: the end of a prefix.
_LAST = "\U0010ffff"


class Window(Generic[V]):
    """The state as of ``revision`` and the events that led to it."""

    def __init__(self, capacity: int) -> None:
        self._records: dict[str, Record[V]] = {}
        self._keys: list[str] = []
        self._recent: deque[Batch[V]] = deque()
        self._events = 0
        self._capacity = capacity
        self.revision = 0
        self.oldest = 0

    def __len__(self) -> int:
        return len(self._records)

    def load(self, page: Page[V]) -> None:
        """Start again from all records of a store at one revision."""
        self._records = {record.key: record for record in page.records}
        self._keys = sorted(self._records)
        self._recent.clear()
        self._events = 0
        self.revision = self.oldest = page.revision

    def apply(self, batch: Batch[V]) -> None:
        """Take in what happened next."""
        for event in batch.events:
            self._apply(event)
        self.revision = max(self.revision, batch.revision)
        if batch.events:
            self._remember(batch)

    def get(self, key: str) -> Record[V] | None:
        """Return the record of ``key`` as of ``revision``."""
        return self._records.get(key)

    def page(self, prefix: str, start: str = "", limit: int = 0) -> Page[V]:
        """Return the records below ``prefix`` from the key ``start`` on, as of ``revision``."""
        first = bisect_left(self._keys, max(prefix, start))
        end = bisect_left(self._keys, prefix + _LAST, first)
        last = min(end, first + limit) if limit else end
        records = [self._records[key] for key in self._keys[first:last]]
        return Page(records, self.revision, end - last)

    def count(self, prefix: str) -> int:
        """Return how many records are below ``prefix``."""
        first = bisect_left(self._keys, prefix)
        return bisect_left(self._keys, prefix + _LAST, first) - first

    def since(self, revision: int, prefix: str) -> Sequence[Event[V]]:
        """Return the events below ``prefix`` after ``revision``, itself not before ``oldest``."""
        return [
            event
            for batch in self._recent
            if batch.revision > revision
            for event in batch.events
            if event.revision > revision and event.key.startswith(prefix)
        ]

    def _apply(self, event: Event[V]) -> None:
        key = event.key
        if event.record is None:
            if self._records.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]
            return
        if key not in self._records:
            insort(self._keys, key)
        self._records[key] = event.record

    def _remember(self, batch: Batch[V]) -> None:
        self._recent.append(batch)
        self._events += len(batch.events)
        while self._events > self._capacity and len(self._recent) > 1:
            gone = self._recent.popleft()
            self._events -= len(gone.events)
            self.oldest = gone.revision
