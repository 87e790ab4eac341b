"""Lifetime: when a kind is removed, open watches of its objects end."""

from __future__ import annotations

from collections.abc import Callable


class Lifetime:
    """The lifetime of a served resource, with callbacks for its end."""

    __slots__ = ("_callbacks", "_ended")

    def __init__(self) -> None:
        self._ended = False
        self._callbacks: set[Callable[[], None]] = set()

    def on_end(self, callback: Callable[[], None]) -> None:
        """Register ``callback`` to be called once at the end, or call it now if ended already."""
        if self._ended:
            callback()
        else:
            self._callbacks.add(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Unregister ``callback``."""
        self._callbacks.discard(callback)

    def end(self) -> None:
        """End the lifetime: the resource was removed, or its definition was replaced."""
        self._ended = True
        callbacks, self._callbacks = self._callbacks, set()
        for callback in callbacks:
            callback()
