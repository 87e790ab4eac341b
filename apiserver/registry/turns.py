"""Turns: long work on many objects, done a little at a time, so that other requests get theirs.

An event loop serves one at a time. Whoever goes through a hundred thousand objects looks at the
clock after every few of them, and lets the others in when it has had the loop for long enough.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

#: So many objects are looked at in one go, whatever is done with them.
FEW: Final = 100
#: How long anybody has the loop at a time, in seconds.
QUANTUM: Final = 0.002


class Turn:
    """How long something that goes on may have the loop before it lets others in."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = time.perf_counter() + QUANTUM

    async def over(self) -> None:
        """Let others in if it is their turn."""
        if time.perf_counter() >= self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + QUANTUM


def few_at_a_time(items: Sequence[T], few: int = FEW) -> Iterator[Sequence[T]]:
    """Yield a sequence in slices; one that is not long as it is."""
    if len(items) <= few:
        yield items
        return
    for start in range(0, len(items), few):
        yield items[start : start + few]
