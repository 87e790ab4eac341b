"""Time and MicroTime: RFC 3339 in UTC, to the second or to the microsecond."""

from __future__ import annotations

import re
import time
from calendar import timegm
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)([.,]\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII
)


class Clock:
    """The current time. Tests use a clock that they control."""

    def time(self) -> float:
        """Return the seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""
        return time.monotonic()


_system = Clock()


def system_clock() -> Clock:
    """Return the clock of this process, the default of everything that takes a clock."""
    return _system


def set_system_clock(clock: Clock) -> None:
    """Replace the clock of this process, before anything is built that keeps it."""
    global _system
    _system = clock


def now() -> str:
    """Return the current time of this process to the second."""
    return format_seconds(int(_system.time()))


# Many objects are written in the same second.
@lru_cache(maxsize=64)
def format_seconds(seconds: int) -> str:
    """Format seconds since 1970 as a Time. Raises ValueError outside the years 1 to 9999."""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError("the year is outside of [0,9999]") from error
    # strftime does not pad years to four digits.
    return f"{moment.year:04}{moment:-%m-%dT%H:%M:%SZ}"


def format_micros(seconds: int, micros: int) -> str:
    """Format a MicroTime."""
    return f"{format_seconds(seconds)[:-1]}.{micros:06}Z"


def parse_seconds(text: str) -> int:
    """Return the seconds since 1970 of a Time without a fraction. Raises ValueError."""
    return timegm(time.strptime(text, _SECONDS_FORMAT))


def parse(text: str) -> tuple[int, int]:
    """Return seconds since 1970 and nanoseconds of an RFC 3339 time. Raises ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time: {text}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    # Year 0 is valid in Go, not in Python. Adding four years keeps the leap years.
    shift = 4 if year == 0 else 0
    moment = datetime(year + shift, month, day, hour, minute, second, tzinfo=UTC)
    seconds = (moment - _EPOCH) // timedelta(seconds=1) - (366 + 3 * 365) * 86400 * bool(shift)
    nanos = int((match[7] or ".0")[1:10].ljust(9, "0"))
    return seconds - _offset(match[8]), nanos


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"not a time zone: {zone}")
    offset = hours * 3600 + minutes * 60
    return -offset if zone[0] == "-" else offset


_UNITS: Final = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns"))


def format_duration(nanos: int) -> str:
    """Format a duration as Go does: ``1h0m0s``, ``1.5s``, ``300ms``."""
    if not nanos:
        return "0s"
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    unit, suffix = next(pair for pair in _UNITS if nanos >= pair[0])
    minutes, rest = divmod(nanos, 60_000_000_000) if unit == _UNITS[0][0] else (0, nanos)
    whole, fraction = divmod(rest, unit)
    text = str(whole)
    if fraction:
        digits = str(fraction).zfill(len(str(unit)) - 1).rstrip("0")
        text = f"{whole}.{digits}"
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{head}{text}{suffix}"
