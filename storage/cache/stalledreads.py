"""Records read from the store while the feed is stalled; kept until the feed advances.

They are newer than the state in memory. A writer starts from them, because every attempt that
starts from the stale state in memory would conflict.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from storage.interface import Record

V = TypeVar("V")

#: The maximum number of keys kept; one more drops them all.
MAX_KEYS: Final = 1_000


class StalledReads(Generic[V]):
    """Records by key; ``None`` for a key that does not exist."""

    def __init__(self) -> None:
        self._records: dict[str, Record[V] | None] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._records

    def add(self, key: str, record: Record[V] | None) -> None:
        """Keep the record read for ``key``, or None if the key does not exist."""
        if len(self._records) >= MAX_KEYS:
            self._records.clear()
        self._records[key] = record

    def get(self, key: str) -> Record[V] | None:
        """Return the record read for ``key``. The key must have been added."""
        return self._records[key]

    def discard(self, key: str) -> None:
        """Drop a key that has been written since."""
        self._records.pop(key, None)

    def clear(self) -> None:
        """Drop all keys, because the feed has advanced."""
        self._records.clear()
