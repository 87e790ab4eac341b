"""Spans of time as tests write them: seconds, a timedelta, or text in Go's format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

#: Seconds, a timedelta, or as in ``1h30m``.
Span: TypeAlias = float | str | timedelta
#: Seconds since 1970, a datetime (UTC, if it has no time zone), or as in ``2030-01-01T00:00:00Z``.
Moment: TypeAlias = float | str | datetime


def seconds_of(span: Span) -> float:
    """Return a span in seconds. Raises ValueError."""
    if isinstance(span, timedelta):
        return span.total_seconds()
    if isinstance(span, str):
        from apiserver.machinery.durations import parse_duration

        return parse_duration(span)
    return float(span)


def epoch_of(moment: Moment) -> float:
    """Return a moment in seconds since 1970. Raises ValueError."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    return float(moment)
