"""The clock of a server for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from apiserver.testing.steerable_clock import SteerableClock
from tests.waiting import PATIENCE


def shows(read: Callable[[], float], system: Callable[[], float], ahead: float = 0) -> bool:
    """Return whether a clock is so many seconds ahead of another one, but for rounding."""
    before, found, after = system(), read(), system()
    return before - 0.001 <= found - ahead <= after + 0.001


async def test_it_shows_the_time_of_the_system_until_it_is_moved() -> None:
    clock = SteerableClock()
    assert shows(clock.time, time.time)
    await clock.advance(3600)
    assert shows(clock.time, time.time, 3600)
    assert shows(clock.monotonic, time.monotonic, 3600)
    clock.reset()
    assert shows(clock.time, time.time)


async def test_a_frozen_clock_moves_only_when_it_is_moved() -> None:
    clock = SteerableClock()
    clock.freeze(1_000_000)
    steady = clock.monotonic()
    assert (clock.time(), clock.time()) == (1_000_000, 1_000_000)
    await clock.advance(60)
    assert (clock.time(), clock.monotonic()) == (1_000_060, steady + 60)
    clock.resume()
    assert 1_000_060 <= clock.time() < 1_000_060 + PATIENCE
    assert clock.monotonic() >= steady + 60


def test_what_is_steady_never_goes_back() -> None:
    clock = SteerableClock()
    before = clock.monotonic()
    clock.set(0)
    clock.freeze()
    clock.set(-1000)
    assert clock.monotonic() >= before
    clock.resume()
    assert clock.monotonic() >= before
    clock.reset()
    assert clock.monotonic() >= before


async def test_what_recurs_does_so_more_than_once_in_a_long_time() -> None:
    clock, rounds = SteerableClock(), []
    clock.freeze(0)

    async def recur() -> None:
        while True:
            await clock.sleep(300)
            rounds.append(clock.time())

    task = asyncio.create_task(recur())
    await asyncio.sleep(0)
    await clock.advance(1000)
    assert rounds == [300, 600, 900]
    await clock.advance(100_000)
    assert len(rounds) < 25, "a long way has few steps"
    task.cancel()


async def test_timers_skip_what_the_clock_is_advanced_by() -> None:
    clock, called = SteerableClock(), []
    first = clock.call_later(3600, lambda: called.append("first"))
    second = clock.call_later(7200, lambda: called.append("second"))
    never = clock.call_later(1800, lambda: called.append("never"))
    soon = clock.call_later(0, lambda: called.append("soon"))
    assert soon.when() < never.when() < first.when() < second.when()
    never.cancel()
    clock.freeze()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await clock.advance(3601)
    assert called == ["soon", "first"]
    later = clock.call_later(60, lambda: called.append("later"))
    assert later.when() < second.when()
    await clock.advance(7200)
    assert called == ["soon", "first", "later", "second"]
    assert clock.timers == set()
