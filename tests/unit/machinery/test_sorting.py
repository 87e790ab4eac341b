"""Long lists are sorted in runs, with the same result."""

from __future__ import annotations

import random
from typing import Any

import pytest

from apiserver.machinery import sorting
from apiserver.machinery.sorting import RUN, in_order


@pytest.mark.parametrize("count", [0, 1, RUN, RUN + 1, 5 * RUN + 7])
def test_runs_are_merged(count: int) -> None:
    chance = random.Random(1)
    items = [(chance.randrange(99), index) for index in range(count)]
    assert in_order(items) == sorted(items)
    assert in_order(iter(items), lambda item: item[0]) == sorted(items, key=lambda item: item[0])


def test_one_call_sorts_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0

    def note(items: list[int], key: Any = None) -> list[int]:
        nonlocal longest
        longest = max(longest, len(items))
        return sorted(items, key=key)

    monkeypatch.setattr(sorting, "sorted", note, raising=False)
    assert in_order(range(9 * RUN, 0, -1)) == list(range(1, 9 * RUN + 1))
    assert longest == RUN
