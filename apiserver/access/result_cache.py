"""ResultCache: answers that count for a while, and questions that are asked once at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from apiserver.machinery.times import Clock, system_clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: How many answers are kept.
MAX_ANSWERS: Final = 8192


class _Question(Generic[V]):
    """A question that is being asked, and how many wait for its answer."""

    __slots__ = ("task", "waiting")

    task: asyncio.Task[V]

    def __init__(self) -> None:
        self.waiting = 0


class ResultCache(Generic[K, V]):
    """Keeps the answer to each question for as long as ``lifetime`` says, in seconds.

    A question that is being asked already is not asked again. When all who wait for its answer are
    cancelled, so is the question. Errors are not kept.
    """

    def __init__(
        self,
        lifetime: Callable[[V], float],
        *,
        most: int = MAX_ANSWERS,
        clock: Clock | None = None,
    ) -> None:
        self._lifetime = lifetime
        self._most = most
        self._now = (clock or system_clock()).monotonic
        self._kept: dict[K, tuple[float, V]] = {}
        self._asked: dict[K, _Question[V]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Return the answer to ``key``, which ``ask`` finds out. Raises what that raises."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._now():
            return kept[1]
        question = self._asked.get(key) or self._begin(key, ask)
        question.waiting += 1
        try:
            # A caller that is cancelled does not cancel the question of others.
            await asyncio.wait([question.task])
        finally:
            question.waiting -= 1
            if not question.waiting:
                self._end(key, question)
        return question.task.result()

    async def close(self) -> None:
        """Cancel all questions."""
        tasks = [question.task for question in self._asked.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def clear(self) -> None:
        """Forget all answers. Those to questions that are being asked are not kept either."""
        self._kept.clear()
        self._asked.clear()

    def _begin(self, key: K, ask: Callable[[], Awaitable[V]]) -> _Question[V]:
        question = self._asked[key] = _Question()
        question.task = asyncio.create_task(self._answer(key, question, ask))
        return question

    def _end(self, key: K, question: _Question[V]) -> None:
        if self._asked.get(key) is question:
            del self._asked[key]
        if not question.task.cancel() and not question.task.cancelled():
            # Retrieved, even if all that have asked are cancelled.
            question.task.exception()

    async def _answer(self, key: K, question: _Question[V], ask: Callable[[], Awaitable[V]]) -> V:
        answer = await ask()
        if self._asked.get(key) is question:
            self._keep(key, answer)
        return answer

    def _keep(self, key: K, answer: V) -> None:
        lifetime = self._lifetime(answer)
        self._kept.pop(key, None)
        if lifetime > 0:
            if len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = self._now() + lifetime, answer
