"""Times and durations: their texts, and the functions that take them apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from apiserver.cel.errors import NO_OVERLOAD, EvaluationError
from apiserver.cel.values import INT_MAX, NANOSECONDS, Duration, Timestamp
from apiserver.machinery.integers import parse_integer

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_DURATION: Final = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_UNITS: Final = {
    "ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000, "s": NANOSECONDS,
    "m": 60 * NANOSECONDS, "h": 3600 * NANOSECONDS,
}  # fmt: skip
#: More digits do not change the nanoseconds.
_FRACTION_DIGITS: Final = 18
_ZONE_OFFSET: Final = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)


def parse_timestamp(text: str) -> Timestamp:
    """Read a time in RFC 3339 form."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise _conversion_error("google.protobuf.Timestamp")
    *parts, fraction, zone = match.groups()
    try:
        moment = datetime(*map(int, parts), tzinfo=_fixed_zone(zone))  # type: ignore[arg-type,misc]
    except ValueError:
        raise _conversion_error("google.protobuf.Timestamp") from None
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return Timestamp(seconds * NANOSECONDS + int((fraction or "").ljust(9, "0")))


def _conversion_error(target: str) -> EvaluationError:
    return EvaluationError(f"type conversion error from 'string' to '{target}'")


def _fixed_zone(text: str) -> tzinfo:
    match = _ZONE_OFFSET.fullmatch(text)
    if match is None:
        return UTC
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def parse_duration(text: str) -> Duration:
    """Read a duration in Go's form: ``1h30m``, ``-1.5s``."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    total, at = 0, 0
    if rest == "0":
        return Duration(0)
    for match in _DURATION.finditer(rest):
        whole, fraction, unit = match.groups()
        if match.start() != at or not (whole or fraction):
            break
        scale = _UNITS[unit]
        total += parse_integer(whole or "0") * scale
        if fraction:
            fraction = fraction[:_FRACTION_DIGITS]
            total += int(fraction) * scale // 10 ** len(fraction)
        at = match.end()
    if at != len(rest) or not rest or total > INT_MAX:
        raise _conversion_error("google.protobuf.Duration")
    return Duration(-total if text[0] == "-" else total)


def timestamp_text(value: Timestamp) -> str:
    """Write a time in RFC 3339 form, with as many digits as it needs."""
    seconds, rest = divmod(value.nanoseconds, NANOSECONDS)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    fraction = f"{rest:09d}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def duration_text(value: Duration) -> str:
    """Write a duration in seconds."""
    sign = "-" if value.nanoseconds < 0 else ""
    seconds, rest = divmod(abs(value.nanoseconds), NANOSECONDS)
    fraction = f"{rest:09d}".rstrip("0")
    return f"{sign}{seconds}.{fraction}s" if fraction else f"{sign}{seconds}s"


def _zone(name: str) -> tzinfo:
    match = _ZONE_OFFSET.fullmatch(name)
    if match is not None:
        return _fixed_zone(name)
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise EvaluationError(f"unknown time zone {name}") from None


def _of_time(read: Callable[[datetime, int], int], unit: int = 0) -> Callable[..., int]:
    def get(value: Any, zone: str = "UTC") -> int:
        if type(value) is Duration and unit:
            whole = abs(value.nanoseconds) // unit
            return whole if value.nanoseconds >= 0 else -whole
        if type(value) is not Timestamp:
            raise EvaluationError(NO_OVERLOAD)
        seconds, rest = divmod(value.nanoseconds, NANOSECONDS)
        moment = (_EPOCH + timedelta(seconds=seconds)).astimezone(_zone(zone))
        return read(moment, rest)

    return get


def _milliseconds(value: Any, zone: str = "UTC") -> int:
    del zone
    if type(value) is Duration:
        whole = abs(value.nanoseconds) // 1_000_000
        return whole if value.nanoseconds >= 0 else -whole
    if type(value) is not Timestamp:
        raise EvaluationError(NO_OVERLOAD)
    return int(value.nanoseconds % NANOSECONDS // 1_000_000)


TIME_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "getFullYear": _of_time(lambda moment, _: moment.year),
    "getMonth": _of_time(lambda moment, _: moment.month - 1),
    "getDayOfYear": _of_time(lambda moment, _: moment.timetuple().tm_yday - 1),
    "getDayOfMonth": _of_time(lambda moment, _: moment.day - 1),
    "getDate": _of_time(lambda moment, _: moment.day),
    "getDayOfWeek": _of_time(lambda moment, _: moment.isoweekday() % 7),
    "getHours": _of_time(lambda moment, _: moment.hour, 3600 * NANOSECONDS),
    "getMinutes": _of_time(lambda moment, _: moment.minute, 60 * NANOSECONDS),
    "getSeconds": _of_time(lambda moment, _: moment.second, NANOSECONDS),
    "getMilliseconds": _milliseconds,
}
