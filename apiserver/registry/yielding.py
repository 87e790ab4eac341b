"""Cooperative yielding: long work on many objects lets other tasks run in between.

Work on a hundred thousand objects checks the clock after every batch of them, and yields to the
event loop when its time slice is used up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

#: How many objects are processed between two checks of the clock.
BATCH_SIZE: Final = 100
#: How many bytes are processed between two checks of the clock.
BATCH_BYTES: Final = 1024 * 1024
#: How long work may occupy the event loop before it yields, in seconds.
TIME_SLICE: Final = 0.002


class Yielder:
    """Yields to the event loop when the calling work has used up its time slice."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = time.perf_counter() + TIME_SLICE

    async def yield_if_due(self) -> None:
        """Let other tasks run if the time slice is used up."""
        if time.perf_counter() >= self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + TIME_SLICE


def batches(
    items: Sequence[T], count: int = BATCH_SIZE, size_of: Callable[[T], int] | None = None
) -> Iterator[Sequence[T]]:
    """Yield slices of a sequence, of at most ``count`` items; a short sequence is one slice.

    If ``size_of`` returns the size of an item in bytes, slices of more than `BATCH_BYTES` are split
    into single items.
    """
    for start in range(0, max(len(items), 1), count):
        batch = items if len(items) <= count else items[start : start + count]
        if size_of is None or sum(map(size_of, batch)) <= BATCH_BYTES:
            yield batch
        else:
            yield from (batch[index : index + 1] for index in range(len(batch)))
