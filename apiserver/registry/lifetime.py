"""Lifetime: a kind may vanish, and open watches of its objects end with it."""

from __future__ import annotations

from collections.abc import Callable


class Lifetime:
    """How long a resource is served, and what to call when it is served no longer."""

    __slots__ = ("_callbacks", "_ended")

    def __init__(self) -> None:
        self._ended = False
        self._callbacks: set[Callable[[], None]] = set()

    def on_end(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called once at the end, or now if that has come."""
        if self._ended:
            callback()
        else:
            self._callbacks.add(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` no more."""
        self._callbacks.discard(callback)

    def end(self) -> None:
        """Say that the resource is served no longer, or differently."""
        self._ended = True
        callbacks, self._callbacks = self._callbacks, set()
        for callback in callbacks:
            callback()
