"""SeededBytes: random bytes that can be predicted, for UIDs and generated names.

The bytes that a request gets depend on the seed, on its method and path, and on how many such
requests there were before it. What others do meanwhile, the controllers of the server included,
makes no difference.
"""

from __future__ import annotations

import os
from collections import Counter
from contextvars import ContextVar
from hashlib import blake2b
from typing import Final

# The maximum number of requests that are counted.
_MAX_COUNTS: Final = 100_000

#: The method and the path of the request that is being handled; empty: none is.
current_request: ContextVar[str] = ContextVar("current_request", default="")


class SeededBytes:
    """A source of random bytes; without a seed they are the system's."""

    def __init__(self, seed: int | None = None) -> None:
        self._seed = seed
        self._counts: Counter[str] = Counter()

    def restart(self, seed: int | None) -> None:
        """Begin again, with this seed."""
        self._seed = seed
        self._counts.clear()

    def __call__(self, count: int) -> bytes:
        if self._seed is None:
            return os.urandom(count)
        request = current_request.get()
        number = self._counts[request]
        if len(self._counts) <= _MAX_COUNTS:
            self._counts[request] = number + 1
        text = f"{self._seed} {number} {request}"
        return blake2b(text.encode(), digest_size=count).digest()
