"""Times as tables show them: how long ago, in the two largest units that matter."""

from __future__ import annotations

from apiserver.machinery.times import parse

UNKNOWN = "<unknown>"


def age(moment: str | None, now: float) -> str:
    """Return how long ago a time was: ``3d4h``; ``<unknown>`` where there is none."""
    if not moment:
        return UNKNOWN
    seconds, nanos = parse(moment)
    return human_duration(now - seconds - nanos / 1e9)


def human_duration(seconds: float) -> str:
    """Return a duration, finer the shorter it is: ``45s``, ``3m20s``, ``5h``, ``2d``."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}" + (f"{small}{small_unit}" if small else "")
