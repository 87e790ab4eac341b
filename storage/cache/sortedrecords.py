"""SortedRecords: records in the order of their keys, in blocks of bounded size. Pure.

An insertion into one long list moves everything behind it, so its cost grows with the number of
records. Here it moves at most one block, and a page is still joined from slices. A key is found by
two binary searches: among the first keys of all blocks, and within a block.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final, Generic, TypeVar

from storage.interface import Record

V = TypeVar("V")

#: A block with more records is split into two.
MAX_BLOCK_SIZE: Final = 1024


class _Block(Generic[V]):
    """Consecutive records and their keys; never empty, unless it is the only block."""

    __slots__ = ("keys", "records")

    def __init__(self, records: list[Record[V]]) -> None:
        self.records = records
        self.keys = [record.key for record in records]


class SortedRecords(Generic[V]):
    """Records by key."""

    def __init__(self) -> None:
        self._blocks: list[_Block[V]] = [_Block([])]
        # The first block begins before every key.
        self._firsts = [""]

    def append(self, records: Sequence[Record[V]]) -> None:
        """Insert records whose keys are in order and after all others."""
        # Half full, so that insertions find room.
        size = MAX_BLOCK_SIZE // 2
        for start in range(0, len(records), size):
            block = _Block(list(records[start : start + size]))
            if self._blocks[-1].keys:
                self._blocks.append(block)
                self._firsts.append(block.keys[0])
            else:
                self._blocks[-1] = block

    def pop_some(self) -> Sequence[Record[V]]:
        """Remove and return some records, none if there are none."""
        if len(self._blocks) == 1:
            records, self._blocks = self._blocks[0].records, [_Block([])]
            return records
        del self._firsts[-1]
        return self._blocks.pop().records

    def all(self) -> Iterator[Record[V]]:
        """Return all records in their order."""
        return chain.from_iterable([block.records for block in self._blocks])

    def put(self, record: Record[V]) -> None:
        """Insert a record, or replace the one of its key."""
        key = record.key
        place = bisect_right(self._firsts, key) - 1
        block = self._blocks[place]
        keys, records = block.keys, block.records
        index = bisect_left(keys, key)
        if index < len(keys) and keys[index] == key:
            records[index] = record
            return
        keys.insert(index, key)
        records.insert(index, record)
        if len(keys) > MAX_BLOCK_SIZE:
            self._split(place)

    def remove(self, key: str) -> None:
        """Remove the record of a key that is there."""
        place = bisect_right(self._firsts, key) - 1
        block = self._blocks[place]
        index = bisect_left(block.keys, key)
        del block.keys[index], block.records[index]
        if not block.keys and place:
            del self._blocks[place], self._firsts[place]

    def between(self, start: str, end: str, limit: int = 0) -> tuple[list[Record[V]], int]:
        """Return records from one key on, up to another, and how many more there are.

        With a ``limit`` other than 0 no more records are returned.
        """
        found: list[Record[V]] = []
        remaining = 0
        place = bisect_right(self._firsts, start) - 1
        last = bisect_left(self._firsts, end, place + 1) - 1
        for number in range(place, last + 1):
            block = self._blocks[number]
            first = bisect_left(block.keys, start) if number == place else 0
            after = bisect_left(block.keys, end, first) if number == last else len(block.keys)
            if limit and len(found) == limit:
                remaining += after - first
                continue
            taken = min(after, first + limit - len(found)) if limit else after
            found += block.records[first:taken]
            remaining += after - taken
        return found, remaining

    def _split(self, place: int) -> None:
        block = self._blocks[place]
        middle = len(block.keys) // 2
        upper = _Block(block.records[middle:])
        del block.keys[middle:], block.records[middle:]
        self._blocks.insert(place + 1, upper)
        self._firsts.insert(place + 1, upper.keys[0])
