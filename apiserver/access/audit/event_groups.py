"""Encoded events in groups that are not too large to be sent or written at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def groups_by_size(events: Sequence[bytes], most: int) -> Iterator[list[bytes]]:
    """Yield the events in groups of at most ``most`` bytes, 0 for no limit.

    A larger event is a group of its own.
    """
    group: list[bytes] = []
    size = 0
    for event in events:
        if group and most and size + len(event) > most:
            yield group
            group, size = [], 0
        group.append(event)
        size += len(event)
    if group:
        yield group
