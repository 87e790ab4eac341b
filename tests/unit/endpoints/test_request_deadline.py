"""How long a request may take."""

from __future__ import annotations

import asyncio

import pytest

from apiserver.endpoints.filters.request_deadline import DeadlineQueue
from tests.waiting import PATIENCE


async def endless(started: asyncio.Event) -> None:
    started.set()
    await asyncio.Event().wait()


async def begun(queue: DeadlineQueue) -> asyncio.Task[None]:
    started = asyncio.Event()
    task = asyncio.create_task(endless(started))
    await started.wait()
    queue.enter(task)
    return task


async def test_what_is_due_is_cancelled_and_what_is_not_goes_on() -> None:
    queue = DeadlineQueue(60)
    now = asyncio.get_running_loop().time()
    early = await begun(queue)
    queue.seconds = 90
    late = await begun(queue)
    queue.expire(lambda: now + 70)
    with pytest.raises(asyncio.CancelledError):
        await early
    assert not queue.leave(early)
    assert not late.cancelling()
    assert queue.leave(late)
    late.cancel()


async def test_who_leaves_in_time_is_left_alone() -> None:
    queue = DeadlineQueue(60)
    task = await begun(queue)
    assert queue.leave(task)
    queue.expire(lambda: 1e12)
    assert not task.cancelling()
    task.cancel()


async def test_the_same_timer_comes_back_for_those_who_came_later() -> None:
    queue = DeadlineQueue(0.001)
    first = await begun(queue)
    queue.seconds = 0.002
    second = await begun(queue)
    await asyncio.wait([first, second], timeout=PATIENCE)
    assert first.cancelled()
    assert second.cancelled()
    third = await begun(queue)
    await asyncio.wait([third], timeout=PATIENCE)
    assert third.cancelled()
