"""Cooperative yielding: long work on many objects lets other tasks run in between.

Work on a hundred thousand objects checks the clock after every batch of them, and yields to the
event loop when its time slice is used up. Tasks that have yielded continue first in, first out, one
in each iteration of the loop. So a short request, which takes a few iterations, is not delayed more
by ten long lists than by one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

#: How many objects are processed between two checks of the clock.
BATCH_SIZE: Final = 100
#: How many bytes are processed between two checks of the clock.
BATCH_BYTES: Final = 1024 * 1024
#: How many bytes of a response are written before other tasks run.
SLICE: Final = 256 * 1024
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
            await yield_fairly()
            self._until = time.perf_counter() + TIME_SLICE


class _YieldQueue:
    """The tasks of one event loop that have yielded, first in, first out."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._scheduled = False

    def wait(self) -> asyncio.Future[None]:
        """Return a future that is done when the calling task may continue."""
        future: asyncio.Future[None] = self.loop.create_future()
        self._waiting.append(future)
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._next)
        return future

    def _next(self) -> None:
        waiting = self._waiting
        while waiting:
            future = waiting.popleft()
            if not future.done():
                future.set_result(None)
                break
        self._scheduled = bool(waiting)
        if waiting:
            self.loop.call_soon(self._next)


_queue: _YieldQueue | None = None


async def yield_fairly() -> None:
    """Let other tasks run, first those that have yielded before."""
    global _queue  # there is one event loop at a time
    loop = asyncio.get_running_loop()
    if _queue is None or _queue.loop is not loop:
        _queue = _YieldQueue(loop)
    await _queue.wait()


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


async def iterate_yielding(items: Sequence[T]) -> AsyncGenerator[T, None]:
    """Yield the items of a sequence; other tasks run when the time slice is used up."""
    yielder = Yielder()
    for batch in batches(items):
        for item in batch:
            yield item
        await yielder.yield_if_due()
