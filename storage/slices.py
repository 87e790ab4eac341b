"""Long work in slices: other tasks run between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

#: The number of records in a slice.
SLICE: Final = 1000


def slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield at most `SLICE` items at a time, in their order."""
    for start in range(0, len(items), SLICE):
        yield items[start : start + SLICE]
