"""ServerClock: the time of a server, moved by its tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from apiserver.testing.spans import Moment, Span, epoch_of, seconds_of

if TYPE_CHECKING:
    from apiserver.testing.control_client import ControlClient


class ServerClock:
    """The time that the server believes it is.

    Timestamps of objects, lifetimes of tokens and Events, and compaction go by it. What is between
    a client and the server does not: timeouts of requests and watches, and certificates.
    """

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return self._do("now")

    def advance(self, by: Span) -> datetime:
        """Advance by seconds or as in ``1h30m``; timers that become due run before this returns."""
        self._control.call("advance", seconds=seconds_of(by))
        return self._do("now")

    def set(self, moment: Moment) -> datetime:
        """Go on from a moment, as in ``2030-01-01T00:00:00Z``."""
        return self._do("set", epoch_of(moment))

    def freeze(self, moment: Moment | None = None) -> datetime:
        """Stand still at a moment, by default at this one."""
        return self._do("freeze", None if moment is None else epoch_of(moment))

    def resume(self) -> datetime:
        """Let the clock run again, from its current time."""
        return self._do("resume")

    def reset(self) -> datetime:
        """Run, and show the system's time."""
        return self._do("reset")

    @contextmanager
    def frozen(self, moment: Moment | None = None) -> Iterator[datetime]:
        """Stand still while the block runs; afterwards show the system's time."""
        try:
            yield self.freeze(moment)
        finally:
            self.reset()

    def _do(self, what: str, moment: float | None = None) -> datetime:
        result = self._control.call("clock", do=what, moment=moment)
        return datetime.fromtimestamp(result["time"], UTC)
