"""Long works beside each other: how much of them is done in one iteration of the event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from apiserver.endpoints.payloads import SLICE, SlicedPayload
from apiserver.registry import yielding
from apiserver.registry.yielding import Yielder, yield_fairly
from tests.waiting import PATIENCE

WORKS = 10


class Iterations:
    """Counts what is done in each iteration of the loop."""

    def __init__(self) -> None:
        self.done: list[int] = [0]

    async def count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.done.append(0)

    async def beside(self, *works: object) -> None:
        """Run works to their end, counting beside them."""
        counting = asyncio.create_task(self.count())
        await asyncio.gather(*works)  # type: ignore[call-overload]
        counting.cancel()


async def test_one_of_many_works_goes_on_in_an_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yielding, "TIME_SLICE", 0.0)
    iterations, order = Iterations(), []

    async def work(name: int) -> None:
        yielder = Yielder()
        for _ in range(5):
            await yielder.yield_if_due()
            iterations.done[-1] += 1
            order.append(name)

    await iterations.beside(*map(work, range(WORKS)))
    assert sum(iterations.done) == 5 * WORKS
    assert max(iterations.done) == 1
    assert order == list(range(WORKS)) * 5


class Writer:
    def __init__(self, iterations: Iterations) -> None:
        self._iterations = iterations

    async def write(self, _data: bytes) -> None:
        self._iterations.done[-1] += 1


async def test_one_slice_of_many_bodies_is_written_in_an_iteration() -> None:
    iterations = Iterations()
    bodies = [SlicedPayload([b"x" * SLICE] * 5, 5 * SLICE, "text/plain") for _ in range(WORKS)]
    await iterations.beside(*(body.write(Writer(iterations)) for body in bodies))  # type: ignore[arg-type]
    assert sum(iterations.done[1:]) == 5 * WORKS - WORKS
    # Each of them begins at once.
    assert iterations.done[0] == WORKS
    assert max(iterations.done[1:]) == 1


async def test_who_gives_up_waiting_does_not_hold_up_the_others() -> None:
    first, second, third = (asyncio.ensure_future(yield_fairly()) for _ in range(3))
    await asyncio.sleep(0)
    second.cancel()
    with suppress(asyncio.CancelledError):
        await second
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(first, third)
        await yield_fairly()


def test_turns_are_those_of_a_loop() -> None:
    async def leave_waiting() -> None:
        asyncio.get_running_loop().create_task(yield_fairly())
        await asyncio.sleep(0)

    for _ in range(3):
        asyncio.run(leave_waiting())
        asyncio.run(asyncio.wait_for(yield_fairly(), PATIENCE))
