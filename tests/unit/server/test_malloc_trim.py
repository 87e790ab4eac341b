"""When memory is returned to the system."""

from __future__ import annotations

from apiserver.server.malloc_trim import MANY, Trimmer


def test_memory_is_returned_once_after_many_connections_have_ended() -> None:
    counts = [0, 10, 5, MANY + 50, MANY + 50, 60, 50, 40, 0, 2 * MANY, 0]
    trimmed: list[int] = []
    current = [0]
    trimmer = Trimmer(lambda: current[0], lambda: trimmed.append(current[0]))
    for count in counts:
        current[0] = count
        trimmer.check()
    assert trimmed == [50, 0]
