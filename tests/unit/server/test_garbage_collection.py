"""The garbage collector's pauses: how many objects it examines at a time."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from apiserver.server.serving import freeze_memory

#: It examines about ten in a microsecond.
MAX_EXAMINED = 50_000


@pytest.fixture
def examined() -> Iterator[list[int]]:
    """Note how many objects each collection examines, with the collector as a server has it."""
    thresholds = gc.get_threshold()
    counts: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            young = range(info["generation"] + 1)
            counts.append(sum(len(gc.get_objects(generation=each)) for each in young))

    freeze_memory()
    gc.callbacks.append(note)
    yield counts
    gc.callbacks.remove(note)
    gc.set_threshold(*thresholds)


def test_no_collection_examines_many_objects_while_many_are_made(examined: list[int]) -> None:
    kept = [[number] for number in range(400_000)]
    assert len(examined) > 10
    assert max(examined) < MAX_EXAMINED
    assert len(kept) == 400_000
