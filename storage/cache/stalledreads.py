"""What was read from the store while the feed was stalled, for as long as it is.

It is newer than the state in memory. A writer starts from it, for the state in memory would make
every one of its attempts conflict.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from storage.interface import Record

V = TypeVar("V")

#: The most keys that are remembered; with one more, all are forgotten.
MAX_KEYS: Final = 1_000


class StalledReads(Generic[V]):
    """The records of some keys, ``None`` for a key that was not there."""

    def __init__(self) -> None:
        self._records: dict[str, Record[V] | None] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._records

    def add(self, key: str, record: Record[V] | None) -> None:
        """Remember what was read of ``key``."""
        if len(self._records) >= MAX_KEYS:
            self._records.clear()
        self._records[key] = record

    def get(self, key: str) -> Record[V] | None:
        """Return what was read of ``key``, which must be known."""
        return self._records[key]

    def discard(self, key: str) -> None:
        """Forget a key: it has been written since."""
        self._records.pop(key, None)

    def clear(self) -> None:
        """Forget everything: the feed goes on."""
        self._records.clear()
