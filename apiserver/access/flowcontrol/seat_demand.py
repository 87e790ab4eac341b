"""SeatDemand: how many seats the requests of a priority level want, over time.

The demand is the seats of all requests that are executed or wait. Its statistics over a period say
how many seats the level gets in the next one.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

#: How much of the former demand is kept while the demand falls, from period to period.
_SMOOTHING: Final = 0.977


class SeatDemand:
    """The demand of a level since its last change, and its statistics over the last period."""

    __slots__ = (
        "_begun", "_integral", "_peak", "_squares", "average", "deviation",
        "high_watermark", "seats", "since", "smoothed",
    )  # fmt: skip

    def __init__(self, now: float) -> None:
        self.seats = self._peak = 0
        self._begun = self.since = now
        self._integral = self._squares = 0.0
        self.average = self.deviation = self.high_watermark = self.smoothed = 0.0

    def change(self, seats: int, now: float) -> None:
        """Change the demand by so many seats."""
        current = self.seats
        if current:
            held = current * (now - self.since)
            self._integral += held
            self._squares += held * current
        self.since = now
        current += seats
        self.seats = current
        if current > self._peak:  # noqa: PLR1730 - a call for every request is slower
            self._peak = current

    def end_period(self, now: float) -> None:
        """Take the statistics of a period, and begin another one."""
        self.change(0, now)
        self.high_watermark = float(self._peak)
        elapsed = now - self._begun
        if elapsed > 0:
            self.average = self._integral / elapsed
            variance = self._squares / elapsed - self.average * self.average
            self.deviation = sqrt(variance) if variance > 0 else 0.0
            envelope = self.average + self.deviation
            fallen = _SMOOTHING * self.smoothed + (1 - _SMOOTHING) * envelope
            self.smoothed = max(envelope, fallen)
        self._begun = now
        self._integral = self._squares = 0.0
        self._peak = self.seats
