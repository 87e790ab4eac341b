"""The queue of keys: once, one at a time, later, and later still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from apiserver.client.workqueue import MAX_DELAY, MIN_DELAY, WorkQueue


@dataclass(eq=False)
class Timer:
    due: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True

    def when(self) -> float:
        return self.due


class Times:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now + seconds, call))
        return self.timers[-1]

    @property
    def pending(self) -> list[float]:
        return [timer.due for timer in self.timers if not timer.cancelled]

    def move(self, now: float) -> None:
        self.now = now
        due = [timer for timer in self.timers if timer.due <= now and not timer.cancelled]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            timer.call()


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def queue(times: Times) -> WorkQueue:
    return WorkQueue(times.later)


def due(queue: WorkQueue) -> list[str]:
    """Take every key that is due, and be done with it at once."""
    keys = []
    while queue:
        getting = queue.get()
        with pytest.raises(StopIteration) as stop:
            getting.send(None)
        keys.append(stop.value.value)
        queue.done(keys[-1])
    return keys


def test_a_key_that_waits_is_there_once_and_the_first_comes_first(queue: WorkQueue) -> None:
    for key in ("b", "a", "b"):
        queue.add(key)
    assert due(queue) == ["b", "a"]


async def test_a_key_is_worked_on_by_one_at_a_time_and_then_again(queue: WorkQueue) -> None:
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert not queue
    queue.done("a")
    assert due(queue) == ["a"]


async def test_whoever_waits_is_given_what_comes(queue: WorkQueue) -> None:
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    assert await waiting == "a"


def test_a_key_that_is_put_off_comes_at_its_time(queue: WorkQueue, times: Times) -> None:
    queue.add_after("a", 5)
    times.move(4)
    assert due(queue) == []
    times.move(5)
    assert due(queue) == ["a"]


@pytest.mark.parametrize("seconds", [(5, 2), (2, 5)])
def test_of_two_times_the_earlier_one_counts(
    queue: WorkQueue, times: Times, seconds: tuple[int, int]
) -> None:
    for each in seconds:
        queue.add_after("a", each)
    times.move(2)
    assert due(queue) == ["a"]
    assert times.pending == []


def test_a_key_that_is_due_now_need_not_come_later(queue: WorkQueue, times: Times) -> None:
    queue.add_after("a", 5)
    queue.add("a")
    queue.add_after("a", 3)
    assert times.pending == []
    assert due(queue) == ["a"]


def test_failures_in_a_row_put_a_key_off_for_ever_longer(queue: WorkQueue, times: Times) -> None:
    delays = []
    for _ in range(40):
        queue.add_rate_limited("a")
        delays.append(times.pending[0] - times.now)
        times.move(times.pending[0])
        assert due(queue) == ["a"]
    assert delays[:3] == pytest.approx([MIN_DELAY, 2 * MIN_DELAY, 4 * MIN_DELAY])
    assert delays[-1] == pytest.approx(MAX_DELAY)
    queue.forget("a")
    queue.add_rate_limited("a")
    assert times.pending[0] - times.now == pytest.approx(MIN_DELAY)


def test_nothing_comes_after_the_end(queue: WorkQueue, times: Times) -> None:
    queue.add_after("a", 1)
    queue.close()
    assert times.pending == []
