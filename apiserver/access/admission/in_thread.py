"""InThread: how admission has pure work done that would block the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

R = TypeVar("R")


class InThread(Protocol):
    """Runs pure work in a thread."""

    def __call__(self, work: Callable[[], R], /) -> Awaitable[R]:
        """Return its result, or raise its error."""
        ...
