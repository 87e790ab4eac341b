"""Turns: long work on many objects, done a little at a time, so that other requests get theirs.

An event loop serves one at a time. Whoever goes through a hundred thousand objects looks at the
clock after every few of them, and lets the others in when it has had the loop for long enough.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

#: So many objects are looked at in one go, whatever is done with them.
FEW: Final = 100
#: So many bytes are looked at in one go.
MUCH: Final = 1024 * 1024
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


def few_at_a_time(
    items: Sequence[T], few: int = FEW, size_of: Callable[[T], int] | None = None
) -> Iterator[Sequence[T]]:
    """Yield a sequence in slices; one that is not long as it is.

    Where ``size_of`` tells how many bytes an item has, large ones come one by one.
    """
    for start in range(0, max(len(items), 1), few):
        some = items if len(items) <= few else items[start : start + few]
        if size_of is None or sum(map(size_of, some)) <= MUCH:
            yield some
        else:
            yield from (some[index : index + 1] for index in range(len(some)))
