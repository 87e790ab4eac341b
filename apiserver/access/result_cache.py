"""ResultCache: answers that count for a while, and questions that are asked once at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from apiserver.machinery.times import Clock, system_clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: How many answers are kept.
MOST: Final = 8192


class ResultCache(Generic[K, V]):
    """Keeps the answer to each question for as long as ``lifetime`` says, in seconds.

    A question that is being asked already is not asked again. Errors are not kept.
    """

    def __init__(
        self,
        lifetime: Callable[[V], float],
        *,
        most: int = MOST,
        clock: Clock | None = None,
    ) -> None:
        self._lifetime = lifetime
        self._most = most
        self._now = (clock or system_clock()).monotonic
        self._kept: dict[K, tuple[float, V]] = {}
        self._asked: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Return the answer to ``key``, which ``ask`` finds out. Raises what that raises."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._now():
            return kept[1]
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.ensure_future(self._ask(key, ask))
            task.add_done_callback(lambda done: self._done(key, done))
        # A caller that is cancelled does not cancel the question of others.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel all questions."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def clear(self) -> None:
        """Forget all answers."""
        self._kept.clear()

    async def _ask(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        answer = await ask()
        lifetime = self._lifetime(answer)
        self._kept.pop(key, None)
        if lifetime > 0:
            if len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = self._now() + lifetime, answer
        return answer

    def _done(self, key: K, task: asyncio.Task[V]) -> None:
        self._asked.pop(key, None)
        if not task.cancelled():
            # Retrieved, even if all that have asked are cancelled.
            task.exception()
