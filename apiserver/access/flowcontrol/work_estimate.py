"""How many seats a request takes, and for how long after its response.

A list takes a seat for every hundred objects that are read for it. A write is followed by events to
all who watch: a seat for every ten watches, for five milliseconds.
"""

from __future__ import annotations

from dataclasses import field
from math import ceil
from typing import Final

from apiserver.machinery.valueclasses import valueclass

_OBJECTS_PER_SEAT: Final = 100
_WATCHES_PER_SEAT: Final = 10
_SECONDS_PER_EVENT: Final = 0.005
_MAX_SEATS: Final = 10
_LARGEST_PART: Final = 0.15


@valueclass
class WorkEstimate:
    """The seats during a request and after it, and for how many seconds the latter are taken."""

    seats: int
    final_seats: int = 0
    final_seconds: float = 0.0
    #: The seats that are reserved all the time.
    most_seats: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "most_seats", max(self.seats, self.final_seats))


ONE_SEAT: Final = WorkEstimate(1)


def most_seats(nominal: int, hand_size: int) -> int:
    """Return how many seats a request of a level may take; ``hand_size`` is 0 without queues."""
    if not hand_size:
        return _MAX_SEATS
    return max(1, min(ceil(nominal * _LARGEST_PART), nominal // hand_size, _MAX_SEATS))


def estimate_list(objects: int, most: int) -> WorkEstimate:
    """Return the work of a list for which so many objects are read."""
    if objects <= _OBJECTS_PER_SEAT:
        return ONE_SEAT
    return WorkEstimate(min(ceil(objects / _OBJECTS_PER_SEAT), most))


def estimate_write(watches: int, most: int) -> WorkEstimate:
    """Return the work of a write whose events so many watches get."""
    if watches < _WATCHES_PER_SEAT:
        return ONE_SEAT
    wanted = ceil(watches / _WATCHES_PER_SEAT)
    seats = min(wanted, most)
    # Fewer seats are taken for longer.
    return WorkEstimate(1, seats, wanted * _SECONDS_PER_EVENT / seats)
