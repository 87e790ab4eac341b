"""Sets of indexes as Jobs write them: ``1,3-5,7``, in growing order."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.integers import parse_integer
from apiserver.machinery.quoting import quote

_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)


def count_indexes(text: str, completions: int) -> int:
    """Return the number of indexes below ``completions`` in a text. Raises ValueError."""
    total, last = 0, None
    for interval in text.split(",") if text else ():
        first, end = parse_interval(interval, completions)
        if last is not None and last >= first:
            raise ValueError(f"non-increasing order, previous: {last}, current: {first}")
        total += end - first + 1
        last = end
    return total


def parse_interval(text: str, completions: int) -> tuple[int, int]:
    """Return the first and the last index of ``3`` or ``3-5``. Raises ValueError."""
    limits = text.split("-")
    if len(limits) > 2:
        raise ValueError(
            f"the fragment {quote(text)} violates the requirement that an index interval can have "
            "at most two parts separated by '-'"
        )
    first, *rest = [_index(limit, completions) for limit in limits]
    if not rest:
        return first, first
    if first >= rest[0]:
        raise ValueError(f"non-increasing order, previous: {first}, current: {rest[0]}")
    return first, rest[0]


def common_index(left: str, right: str, completions: int) -> int | None:
    """Return the first index that two texts share; intervals that cannot be read are left out."""
    mine, theirs = _intervals(left, completions), _intervals(right, completions)
    at = 0
    for first, last in mine:
        while at < len(theirs) and theirs[at][1] < first:
            at += 1
        if at < len(theirs) and theirs[at][0] <= last:
            return max(first, theirs[at][0])
    return None


def _intervals(text: str, completions: int) -> list[tuple[int, int]]:
    found = []
    for interval in text.split(",") if text else ():
        try:
            found.append(parse_interval(interval, completions))
        except ValueError:
            # Another rule reports the error.
            continue
    return found


def _index(text: str, completions: int) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"cannot convert string to integer for index: {quote(text)}")
    index = parse_integer(text)
    if index >= completions:
        raise ValueError(f"too large index: {quote(text)}")
    return index
