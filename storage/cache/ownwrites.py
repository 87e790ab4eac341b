"""Writes of this process that its feed has not delivered yet.

A writer can make its next change before the feed has delivered the previous one. When the feed
delivers a write of this process, the record that the writer already has replaces the feed's, so
results computed from that record (such as its encoding) are reused.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable
from operator import attrgetter
from typing import Generic, TypeVar

from storage.interface import Event, Record

V = TypeVar("V")

_revision_of = attrgetter("revision")


class OwnWrites(Generic[V]):
    """Records that this process has written, by key and in the order of their revisions."""

    def __init__(self) -> None:
        self._records: dict[str, list[Record[V]]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Record[V]) -> None:
        """Keep a record until the feed delivers this record or a later one of its key."""
        known = self._records.setdefault(record.key, [])
        if known and record.revision < known[-1].revision:
            insort(known, record, key=_revision_of)
        else:
            known.append(record)

    def newest(self, key: str) -> Record[V] | None:
        """Return the last record written to ``key``."""
        known = self._records.get(key)
        return known[-1] if known else None

    def replace(self, events: Iterable[Event[V]]) -> list[Event[V]]:
        """Return the feed's next events, with this process's own records substituted."""
        return [self._replace(event) for event in events]

    def clear(self) -> None:
        """Drop all records."""
        self._records.clear()

    def _replace(self, event: Event[V]) -> Event[V]:
        known = self._records.get(event.key)
        if known is None:
            return event
        passed = bisect_right(known, event.revision, key=_revision_of)
        written = known[passed - 1] if passed else None
        if passed == len(known):
            del self._records[event.key]
        else:
            del known[:passed]
        if written is None or event.record is None or written.revision != event.revision:
            return event
        return Event(event.key, event.revision, written, event.previous)
