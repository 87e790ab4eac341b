"""Answers that count for a while."""

from __future__ import annotations

import asyncio

import pytest

from apiserver.access.result_cache import ResultCache
from apiserver.machinery.times import Clock


class Hand(Clock):
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


class Oracle:
    """Answers with a number, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def answer(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        return self.asked


@pytest.fixture
def clock() -> Hand:
    return Hand()


async def test_an_answer_counts_for_its_lifetime(clock: Hand) -> None:
    oracle, cache = Oracle(), ResultCache[str, int](lambda _: 10.0, clock=clock)
    assert await cache.get("a", oracle.answer) == 1
    clock.seconds += 9.9
    assert await cache.get("a", oracle.answer) == 1
    clock.seconds += 0.2
    assert await cache.get("a", oracle.answer) == 2
    cache.clear()
    assert await cache.get("a", oracle.answer) == 3


async def test_an_answer_without_a_lifetime_is_not_kept() -> None:
    oracle, cache = Oracle(), ResultCache[str, int](lambda _: 0.0)
    assert [await cache.get("a", oracle.answer) for _ in range(2)] == [1, 2]


async def test_a_question_is_asked_once_at_a_time() -> None:
    oracle, cache = Oracle(), ResultCache[str, int](lambda _: 0.0)
    answers = await asyncio.gather(*(cache.get("a", oracle.answer) for _ in range(5)))
    assert (answers, oracle.asked) == ([1] * 5, 1)


async def test_an_error_is_told_to_all_and_not_kept() -> None:
    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError

    oracle, cache = Oracle(), ResultCache[str, int](lambda _: 10.0)
    asking = (cache.get("a", fail) for _ in range(2))
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in results] == [ValueError] * 2
    assert await cache.get("a", oracle.answer) == 1


async def test_one_that_is_cancelled_leaves_the_answer_to_the_others() -> None:
    oracle, cache = Oracle(), ResultCache[str, int](lambda _: 10.0)
    first = asyncio.create_task(cache.get("a", oracle.answer))
    second = asyncio.create_task(cache.get("a", oracle.answer))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 1


async def test_the_number_of_answers_is_limited() -> None:
    oracle, cache = Oracle(), ResultCache[int, int](lambda _: 10.0, max_results=2)
    for key in (1, 2, 3):
        await cache.get(key, oracle.answer)
    assert await cache.get(3, oracle.answer) == 3
    assert await cache.get(1, oracle.answer) == 4


class Waiting:
    """Answers when it is told to, and knows whether it was cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.answers: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answer(self) -> int:
        self.begun.set()
        return await self.answers


async def test_a_question_that_nobody_waits_for_is_cancelled() -> None:
    waiting, cache = Waiting(), ResultCache[str, int](lambda _: 10.0)
    asking = [asyncio.create_task(cache.get("a", waiting.answer)) for _ in range(2)]
    await waiting.begun.wait()
    asking[0].cancel()
    await asyncio.wait(asking[:1])
    assert not waiting.answers.cancelled()
    asking[1].cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await asyncio.sleep(0)
    assert waiting.answers.cancelled()
    assert await cache.get("a", Oracle().answer) == 1


async def test_an_answer_from_before_is_not_kept() -> None:
    waiting, oracle, cache = Waiting(), Oracle(), ResultCache[str, int](lambda _: 10.0)
    before = asyncio.create_task(cache.get("a", waiting.answer))
    await waiting.begun.wait()
    cache.clear()
    assert await cache.get("a", oracle.answer) == 1
    waiting.answers.set_result(7)
    assert await before == 7
    assert await cache.get("a", oracle.answer) == 1
