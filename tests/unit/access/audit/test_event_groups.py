"""Encoded events are sent and written in groups that are not too large."""

from __future__ import annotations

import pytest

from apiserver.access.audit.event_groups import groups_by_size


@pytest.mark.parametrize(
    ("sizes", "most", "groups"),
    [
        ([], 4, []),
        ([1, 2, 1], 4, [[1, 2, 1]]),
        ([2, 2, 1], 4, [[2, 2], [1]]),
        ([9, 1], 4, [[9], [1]]),
        ([1, 9, 1], 4, [[1], [9], [1]]),
        ([9, 9], 0, [[9, 9]]),
    ],
)
def test_no_group_is_larger_than_it_may_be(
    sizes: list[int], most: int, groups: list[list[int]]
) -> None:
    events = [b"x" * size for size in sizes]
    assert [[len(each) for each in group] for group in groups_by_size(events, most)] == groups
