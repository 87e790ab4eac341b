"""Writes of this process that its feed has not delivered yet.

A writer can make its next change before the feed has delivered the previous one. When the feed
delivers a write of this process, the record that the writer already has replaces the feed's, so
results computed from that record (such as its encoding) are reused.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from storage.interface import Event, Record

V = TypeVar("V")


class OwnWrites(Generic[V]):
    """Records that this process has written: the newest of each key, and all by revision."""

    def __init__(self) -> None:
        self._newest: dict[str, Record[V]] = {}
        self._written: dict[tuple[int, str], Record[V]] = {}

    def __len__(self) -> int:
        return len(self._written)

    def add(self, record: Record[V]) -> None:
        """Keep a record until the feed delivers it."""
        key, revision = record.key, record.revision
        self._written[revision, key] = record
        known = self._newest.get(key)
        if known is None or known.revision < revision:
            self._newest[key] = record

    def newest(self, key: str) -> Record[V] | None:
        """Return the last record written to ``key``."""
        return self._newest.get(key)

    def replace(self, event: Event[V]) -> Event[V]:
        """Return the feed's next event, with this process's own record if it caused the event."""
        key, revision = event.key, event.revision
        written = self._written.pop((revision, key), None)
        newest = self._newest.get(key)
        if newest is not None and newest.revision <= revision:
            del self._newest[key]
        if written is None or event.record is None:
            return event
        return Event(key, revision, written, event.previous)

    def clear(self) -> None:
        """Drop all records."""
        self._newest.clear()
        self._written.clear()
