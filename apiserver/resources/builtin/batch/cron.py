"""Schedules of CronJobs: five fields in the notation of cron, or a word for a usual one.

The grammar and the messages are those of the library that the CronJob controller uses, so the
controller can parse every schedule that is accepted here. Only the first error is reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apiserver.machinery.integers import parse_integer
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass

_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS: Final = "sun mon tue wed thu fri sat".split()
_WORDS: Final = frozenset(
    ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"]
)
_EVERY: Final = "@every "
_ZONES: Final = ("TZ=", "CRON_TZ=")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_MAX_INT64: Final = (1 << 63) - 1
_DURATION_PART: Final = re.compile(r"([0-9]++\.?+[0-9]*+|\.[0-9]++)(ns|us|µs|μs|ms|s|m|h)")
_DURATION_NUMBER: Final = re.compile(r"([0-9]++\.?+[0-9]*+|\.[0-9]++)([^0-9.]*)")


class ScheduleError(ValueError):
    """A schedule that cannot be parsed; the message is that of the library."""


@valueclass
class _Bounds:
    """The allowed values of one field."""

    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)


_FIELDS: Final = (
    _Bounds(0, 59),
    _Bounds(0, 23),
    _Bounds(1, 31),
    _Bounds(1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Bounds(0, 6, {name: number for number, name in enumerate(_DAYS)}),
)


def check_schedule(text: str) -> None:
    """Raise ScheduleError for a text that is no schedule."""
    if not text:
        raise ScheduleError("empty spec string")
    if text.startswith(_ZONES):
        head, _, text = text.partition(" ")
        zone = head.partition("=")[2]
        if not zone_exists(zone):
            raise ScheduleError(f"provided bad location {zone}: unknown time zone {zone}")
        text = text.strip()
    if text.startswith("@"):
        _check_word(text)
        return
    fields = text.split()
    if len(fields) != len(_FIELDS):
        found = " ".join(fields)
        raise ScheduleError(
            f"expected exactly {len(_FIELDS)} fields, found {len(fields)}: [{found}]"
        )
    for item, bounds in zip(fields, _FIELDS, strict=True):
        for expression in filter(None, item.split(",")):
            _check_range(expression, bounds)


def zone_exists(name: str) -> bool:
    """Return whether there is a time zone of this name, as it is written."""
    if name in ("", "UTC", "Local"):
        return True
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _check_word(text: str) -> None:
    if text in _WORDS:
        return
    if not text.startswith(_EVERY):
        raise ScheduleError(f"unrecognized descriptor: {text}")
    problem = _duration_problem(text.removeprefix(_EVERY))
    if problem:
        raise ScheduleError(f"failed to parse duration {text}: {problem}")


def _span(expression: str, low: str, highs: list[str], bounds: _Bounds) -> tuple[int, int]:
    if low in ("*", "?"):
        return bounds.low, bounds.high
    start = _number(low, bounds.names)
    if len(highs) > 1:
        raise ScheduleError(f"too many hyphens: {expression}")
    return start, _number(highs[0], bounds.names) if highs else start


def _check_range(expression: str, bounds: _Bounds) -> None:
    span, *steps = expression.split("/")
    low, *highs = span.split("-")
    start, end = _span(expression, low, highs, bounds)
    step = 1
    if len(steps) > 1:
        raise ScheduleError(f"too many slashes: {expression}")
    if steps:
        step = _number(steps[0], {})
        # A number with a step means: from there on.
        if not highs:
            end = bounds.high
    if start < bounds.low:
        raise ScheduleError(
            f"beginning of range ({start}) below minimum ({bounds.low}): {expression}"
        )
    if end > bounds.high:
        raise ScheduleError(f"end of range ({end}) above maximum ({bounds.high}): {expression}")
    if start > end:
        raise ScheduleError(
            f"beginning of range ({start}) beyond end of range ({end}): {expression}"
        )
    if step == 0:
        raise ScheduleError(f"step of range should be a positive number: {expression}")


def _number(text: str, names: Mapping[str, int]) -> int:
    named = names.get(text.lower())
    if named is not None:
        return named
    problem = ""
    if not _INTEGER.fullmatch(text):
        problem = "invalid syntax"
    elif not -_MAX_INT64 - 1 <= parse_integer(text) <= _MAX_INT64:
        problem = "value out of range"
    if problem:
        raise ScheduleError(
            f"failed to parse int from {text}: strconv.Atoi: parsing {quote(text)}: {problem}"
        )
    number = parse_integer(text)
    if number < 0:
        raise ScheduleError(f"negative number ({number}) not allowed: {text}")
    return number


def _duration_problem(text: str) -> str:
    # The words of Go's time.ParseDuration.
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return ""
    shown = f'"{text}"'
    if not rest:
        return f"time: invalid duration {shown}"
    at = 0
    while at < len(rest):
        known = _DURATION_PART.match(rest, at)
        number = _DURATION_NUMBER.match(rest, at)
        if number is None:
            return f"time: invalid duration {shown}"
        if not number[2]:
            return f"time: missing unit in duration {shown}"
        if known is None or known[0] != number[0]:
            return f'time: unknown unit "{number[2]}" in duration {shown}'
        at = number.end()
    return ""
