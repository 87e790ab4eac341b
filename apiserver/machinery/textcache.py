"""A cache of values computed from texts, bounded by the bytes of the texts.

Clients choose the texts, so the number of entries alone does not bound the memory. Long texts,
which are seldom repeated, are not cached.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Any, Final, TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

#: The characters of the longest text that is kept.
LONGEST: Final = 256


class _Results(dict[Any, Any]):
    """The last results of a function, by its arguments; of these a long text is not kept."""

    __slots__ = ("_function", "_lock", "_most")

    def __init__(self, function: Callable[..., Any], most: int) -> None:
        super().__init__()
        self._function = function
        self._most = most
        self._lock = Lock()

    def __missing__(self, args: tuple[Any, ...]) -> Any:
        result = self._function(*args)
        if not any(type(text) is str and len(text) > LONGEST for text in args):
            with self._lock:
                if len(self) >= self._most:
                    del self[next(iter(self))]
                self[args] = result
        return result


def cache_by_text(most: int) -> Callable[[Callable[[*Ts], R]], Callable[[*Ts], R]]:
    """Return a decorator that keeps the last ``most`` results of a pure function of a text.

    The arguments of what is kept have no more than `LONGEST` characters each. What the function
    raises is not kept.
    """

    def decorate(function: Callable[[*Ts], R]) -> Callable[[*Ts], R]:
        results = _Results(function, most)

        @wraps(function)
        def call(*args: *Ts) -> R:
            result: R = results[args]
            return result

        return call

    return decorate
