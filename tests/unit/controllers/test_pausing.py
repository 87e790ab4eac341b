"""A controller that pauses reconciles nothing, and completes what it has begun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import Controller, EventSource
from apiserver.controllers.controller_manager import ControllerManager
from apiserver.registry.loopback import controller_client
from tests.unit.cluster import registry_in_memory
from tests.waiting import PATIENCE


class Steps:
    """A reconciler that does half of its work, and the rest when it may."""

    sources: Sequence[EventSource] = ()

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.done: list[str] = []
        self.may_end = asyncio.Event()
        self.queue: asyncio.Future[WorkQueue] = asyncio.get_running_loop().create_future()

    async def reconcile(self, key: str) -> None:
        self.begun.append(key)
        await self.may_end.wait()
        self.done.append(key)

    async def feed(self, queue: WorkQueue) -> None:
        self.queue.set_result(queue)


@pytest.fixture
async def steps() -> AsyncIterator[tuple[Steps, ControllerManager]]:
    async with registry_in_memory() as registry:
        reconciler = Steps()
        controller = Controller("c", controller_client(registry, "c"), reconciler, workers=2)
        manager = ControllerManager(managed=[controller])
        running = asyncio.create_task(manager.run())
        yield reconciler, manager
        running.cancel()
        await asyncio.wait([running])


async def test_a_pause_waits_for_what_is_in_progress_and_holds_back_the_rest(
    steps: tuple[Steps, ControllerManager],
) -> None:
    reconciler, manager = steps
    async with asyncio.timeout(PATIENCE):
        queue = await reconciler.queue
        queue.add("a")
        while reconciler.begun != ["a"]:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(reconciler.may_end.set)
        async with manager.paused():
            assert reconciler.done == ["a"]
            queue.add("a")
            queue.add("b")
            for _ in range(20):
                await asyncio.sleep(0)
            assert reconciler.begun == ["a"]
            assert not manager.idle()
        while reconciler.done != ["a", "a", "b"]:
            await asyncio.sleep(0)
        while not manager.idle():
            await asyncio.sleep(0)
