"""ResultCache: the results of calls, cached for a time; concurrent callers share one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from apiserver.machinery.times import Clock, system_clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: How many results are cached.
MAX_RESULTS: Final = 8192


class _Call(Generic[V]):
    """A call in progress, and how many callers wait for its result."""

    __slots__ = ("task", "waiting")

    task: asyncio.Task[V]

    def __init__(self) -> None:
        self.waiting = 0


class ResultCache(Generic[K, V]):
    """Caches the result of each call for ``lifetime(result)`` seconds, by the key of the call.

    A call in progress is shared. It is cancelled when all its callers are. Errors are not cached.
    """

    def __init__(
        self,
        lifetime: Callable[[V], float],
        *,
        max_results: int = MAX_RESULTS,
        clock: Clock | None = None,
    ) -> None:
        self._lifetime = lifetime
        self._max_results = max_results
        self._now = (clock or system_clock()).monotonic
        self._results: dict[K, tuple[float, V]] = {}
        self._calls: dict[K, _Call[V]] = {}

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]]) -> V:
        """Return the result of ``key``, which ``fetch`` returns. Raises what ``fetch`` raises."""
        cached = self._results.get(key)
        if cached is not None and cached[0] > self._now():
            return cached[1]
        call = self._calls.get(key) or self._begin(key, fetch)
        call.waiting += 1
        try:
            # A caller that is cancelled does not cancel the call for others.
            await asyncio.wait([call.task])
        finally:
            call.waiting -= 1
            if not call.waiting:
                self._end(key, call)
        return call.task.result()

    async def close(self) -> None:
        """Cancel all calls."""
        tasks = [call.task for call in self._calls.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def clear(self) -> None:
        """Drop all results, and those of the calls in progress when they return."""
        self._results.clear()
        self._calls.clear()

    def _begin(self, key: K, fetch: Callable[[], Awaitable[V]]) -> _Call[V]:
        call = self._calls[key] = _Call()
        call.task = asyncio.create_task(self._run(key, call, fetch))
        return call

    def _end(self, key: K, call: _Call[V]) -> None:
        if self._calls.get(key) is call:
            del self._calls[key]
        if not call.task.cancel() and not call.task.cancelled():
            # Retrieved, even if all callers are cancelled.
            call.task.exception()

    async def _run(self, key: K, call: _Call[V], fetch: Callable[[], Awaitable[V]]) -> V:
        result = await fetch()
        if self._calls.get(key) is call:
            self._store(key, result)
        return result

    def _store(self, key: K, result: V) -> None:
        lifetime = self._lifetime(result)
        self._results.pop(key, None)
        if lifetime > 0:
            if len(self._results) >= self._max_results:
                del self._results[next(iter(self._results))]
            self._results[key] = self._now() + lifetime, result
