"""Repeated items of a list."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def repeats(items: Iterable[T]) -> Iterator[tuple[int, T]]:
    """Yield the index and the value of every item that is equal to an earlier one."""
    seen: set[T] = set()
    for index, item in enumerate(items):
        if item in seen:
            yield index, item
        seen.add(item)
