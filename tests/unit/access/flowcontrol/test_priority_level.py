"""Seats and queues of a level: in turn, bounded, and fair."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from apiserver.access.flowcontrol.priority_level import LevelSpec, PriorityLevel, Rejected, hand
from apiserver.access.flowcontrol.work_estimate import WorkEstimate


def level_of(seats: int, *, queues: int = 0, hand_size: int = 1, length: int = 50) -> PriorityLevel:
    level = PriorityLevel("l")
    level.spec = LevelSpec(
        exempt=False, shares=1, queues=queues, hand_size=hand_size, queue_length=length
    )
    level.limit = seats
    return level


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def serve(level: PriorityLevel, flows: Iterable[str], order: list[str]) -> None:
    """Have requests of flows arrive while one is served, then serve them one after another."""
    await level.enter(("s", "first"), 1)

    async def come(flow: str) -> None:
        await level.enter(("s", flow), 5)
        order.append(flow)
        level.leave()

    tasks = []
    for flow in flows:
        tasks.append(asyncio.create_task(come(flow)))
        await asyncio.sleep(0)
    level.leave()
    await asyncio.gather(*tasks)


async def test_who_finds_no_seat_and_no_queue_is_rejected() -> None:
    level = level_of(1)
    await level.enter(("s", ""), 1)
    with pytest.raises(Rejected, match="concurrency-limit"):
        await level.enter(("s", ""), 1)
    level.leave()
    await level.enter(("s", ""), 1)
    assert (level.executing, dict(level.rejected)) == (1, {("s", "concurrency-limit"): 1})


async def test_an_exempt_level_has_no_limit() -> None:
    level = PriorityLevel("exempt")
    for _ in range(1000):
        await level.enter(("s", ""), 1)
    assert level.executing == 1000


async def test_flows_are_served_in_turn_however_many_requests_one_has() -> None:
    order: list[str] = []
    level = level_of(1, queues=64, hand_size=4)
    await serve(level, ["greedy"] * 40 + ["modest"] * 2, order)
    assert len(order) == 42
    # The greedy flow fills the queues of its hand only.
    assert "modest" in order[:6]
    assert (level.executing, level.waiting) == (0, 0)


async def test_a_full_queue_rejects() -> None:
    level = level_of(1, queues=1, length=2)
    await level.enter(("s", ""), 1)
    waiting = [asyncio.create_task(level.enter(("s", ""), 5)) for _ in range(2)]
    await settle()
    with pytest.raises(Rejected, match="queue-full"):
        await level.enter(("s", ""), 5)
    for _ in range(2):
        level.leave()
        await settle()
    await asyncio.gather(*waiting)
    assert (level.executing, level.waiting) == (1, 0)


async def test_nobody_waits_for_ever() -> None:
    level = level_of(1, queues=4)
    await level.enter(("s", ""), 1)
    with pytest.raises(Rejected, match="time-out"):
        await level.enter(("s", ""), 0.01)
    assert (level.executing, level.waiting) == (1, 0)
    level.leave()
    assert level.executing == 0


async def test_those_who_give_up_leave_nothing_behind() -> None:
    level = level_of(1, queues=4)
    await level.enter(("s", ""), 1)
    tasks = [asyncio.create_task(level.enter(("s", str(number)), 5)) for number in range(20)]
    await settle()
    for task in tasks[:19]:
        task.cancel()
    await settle()
    assert level.waiting == 1
    level.leave()
    last = await tasks[19]
    assert (level.executing, level.waiting) == (1, 0)
    level.leave(1, last)
    assert level.queue.queues == {}


async def test_a_seat_given_to_one_who_is_cancelled_goes_to_the_next() -> None:
    level = level_of(1, queues=1)
    await level.enter(("s", ""), 1)
    first, second = (asyncio.create_task(level.enter(("s", ""), 5)) for _ in range(2))
    await settle()
    level.leave()
    first.cancel()
    await asyncio.wait([first, second])
    assert first.cancelled()
    assert (level.executing, level.waiting) == (1, 0)


async def test_more_seats_are_given_to_those_who_wait() -> None:
    level = level_of(1, queues=4)
    await level.enter(("s", ""), 1)
    task = asyncio.create_task(level.enter(("s", ""), 5))
    await settle()
    level.limit = 2
    level.dispatch()
    await task
    assert level.executing == 2


async def test_wide_requests_take_and_free_all_their_seats() -> None:
    level = level_of(4, queues=4)
    await level.enter(("s", ""), 1, WorkEstimate(3))
    waiting = asyncio.create_task(level.enter(("s", "wide"), 5, WorkEstimate(1, 3, 0.005)))
    await settle()
    assert (level.executing, level.waiting, level.demand.seats) == (1, 1, 6)
    level.leave(3)
    level.leave(3, await waiting)
    assert (level.executing, level.queue.seats_in_use, level.demand.seats) == (0, 0, 0)


def test_a_hand_is_dealt_once() -> None:
    assert hand(("s", "jane"), 128, 6) == hand(("s", "jane"), 128, 6)
    seen = set()
    for number in range(500):
        dealt = hand(("s", str(number)), 16, 4)
        assert len(set(dealt)) == 4
        assert all(0 <= queue < 16 for queue in dealt)
        seen.update(dealt)
    assert seen == set(range(16))
    assert hand(("s", ""), 1, 1) == [0]
    assert sorted(hand(("s", ""), 3, 3)) == [0, 1, 2]
