"""Pure work that needs the result of an asynchronous call, of a conversion webhook for example.

Pure work cannot wait. It calls `require`, which raises `ResultNeeded` while there is no result; the
caller of the work then makes the call, and runs the work again from its beginning. So the work must
not have side effects. Results are kept until the work is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from apiserver.schema.kindtypes import Inconvertible

T = TypeVar("T")

_results: Final[ContextVar[dict[Hashable, Any] | None]] = ContextVar("results", default=None)


class ResultNeeded(Exception):
    """Work needs the result ``key``, which ``call`` returns."""

    def __init__(self, key: Hashable, call: Callable[[], Awaitable[Any]]) -> None:
        super().__init__("a result is required")
        self.key = key
        self.call = call


def require(key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
    """Return the result of ``call``, or raise it if it is Inconvertible.

    Raises ResultNeeded if there is none yet.
    """
    results = _results.get()
    if results is None or key not in results:
        raise ResultNeeded(key, call)
    result: T | Inconvertible = results[key]
    if isinstance(result, Inconvertible):
        raise result
    return result


async def run_with_results(work: Callable[[], T]) -> T:
    """Return the result of short work. Raises its errors."""

    async def run() -> T:
        return work()

    try:
        return work()
    except ResultNeeded as missing:
        return await retry_with_results(missing, run)


async def retry_with_results(missing: ResultNeeded, run: Callable[[], Awaitable[T]]) -> T:
    """Call ``missing``, then run the work again until it needs no other result; return its result.

    Raises the errors of the work, and the errors of calls other than Inconvertible.
    """
    results = dict(_results.get() or {})
    token = _results.set(results)
    try:
        while True:
            try:
                results[missing.key] = await missing.call()
            except Inconvertible as error:
                # `require` raises it in the work.
                results[missing.key] = error
            try:
                return await run()
            except ResultNeeded as another:
                missing = another
    finally:
        _results.reset(token)
