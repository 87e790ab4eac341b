"""Snapshot: the records of a cache at one time, compared with the store's in steps. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from storage.interface import Record

V = TypeVar("V")


class Snapshot(Generic[V]):
    """The records by key, and in the order of their keys, which are kept apart."""

    def __init__(self, by_key: Mapping[str, Record[V]], in_order: Iterable[Record[V]]) -> None:
        self._by_key = dict(by_key)
        self._in_order = deque(in_order)

    def differing(self, there: Sequence[Record[V]]) -> Sequence[str]:
        """Return the keys up to the last one ``there`` that differ, and remove all up to it.

        ``there`` are the next records of the store, in the order of their keys.
        """
        by_key, in_order, last = self._by_key, self._in_order, there[-1].key
        expected = {record.key: record.revision for record in there}
        differing = set()
        while in_order and in_order[0].key <= last:
            record = in_order.popleft()
            same = by_key.pop(record.key, None) is record
            if not same or expected.pop(record.key, 0) != record.revision:
                differing.add(record.key)
        for key in expected:
            by_key.pop(key, None)
        return sorted(differing | expected.keys())

    def rest(self) -> Sequence[str]:
        """Return the keys that are left: the store does not have them."""
        return sorted({record.key for record in self._in_order} | self._by_key.keys())
