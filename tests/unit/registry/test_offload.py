"""Large documents are worked on beside the event loop, small ones on it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from apiserver.registry.offload import SMALL, THREADS, offload

LOOP = threading.main_thread


async def test_small_documents_are_worked_on_at_once() -> None:
    assert await offload(SMALL, threading.current_thread) is LOOP()


async def test_the_loop_goes_on_while_large_ones_are_worked_on() -> None:
    begun, over = threading.Event(), threading.Event()

    def work(answer: int, *, more: int) -> tuple[int, threading.Thread]:
        begun.set()
        over.wait()
        return answer + more, threading.current_thread()

    task = asyncio.create_task(offload(SMALL + 1, work, 1, more=2))
    await asyncio.to_thread(begun.wait)
    assert not task.done()
    over.set()
    answer, thread = await task
    assert answer == 3
    assert thread is not LOOP()


async def test_only_so_many_are_worked_on_at_a_time() -> None:
    running, most, lock, over = 0, 0, threading.Lock(), threading.Event()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == THREADS:
                over.set()
        over.wait()
        with lock:
            running -= 1

    await asyncio.gather(*(offload(SMALL + 1, work) for _ in range(3 * THREADS)))
    assert most == THREADS


async def test_what_the_work_raises_is_raised() -> None:
    def work() -> None:
        raise KeyError("k")

    with pytest.raises(KeyError):
        await offload(SMALL + 1, work)
