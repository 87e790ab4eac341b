"""A cache of what is worked out of texts, bounded by the bytes of the texts.

Clients choose the texts, so a number of entries alone bounds nothing: one text may have megabytes.
Long ones, which hardly come again, are not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Final, TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

#: The characters of the longest text that is kept.
LONGEST: Final = 256


def cache_by_text(
    most: int, *, typed: bool = False
) -> Callable[[Callable[[*Ts], R]], Callable[[*Ts], R]]:
    """Return a decorator that keeps the last ``most`` results of a pure function of a text.

    The arguments of what is kept have no more than `LONGEST` characters each. What the function
    raises is not kept.
    """

    def decorate(function: Callable[[*Ts], R]) -> Callable[[*Ts], R]:
        cached: Any = lru_cache(most, typed)(function)

        @wraps(function)
        def call(*args: *Ts) -> R:
            for text in args:
                if type(text) is str and len(text) > LONGEST:
                    return function(*args)
            result: R = cached(*args)
            return result

        return call

    return decorate
