"""When a server for tests counts as idle, and a reset as done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

from apiserver.testing.control_operations import Operations
from apiserver.testing.snapshots import Snapshots
from storage.memory import MemoryStore


async def test_what_needs_many_turns_of_the_loop_is_waited_for_however_busy_the_machine_is() -> (
    None
):
    revision = 1

    async def current() -> int:
        return revision

    async def nothing() -> None:
        return

    async def react() -> None:
        nonlocal revision
        for _ in range(50):
            await asyncio.sleep(0)
        revision += 1

    unused: Any = Mock()
    operations = Operations(
        cast("Any", SimpleNamespace(manager=SimpleNamespace(idle=lambda: True))),
        cast("Any", SimpleNamespace(revision=current)),
        unused,
        cast("Any", SimpleNamespace(settle=nothing)),
        *(unused, unused),
    )
    reacting = asyncio.create_task(react())
    # The time has passed at once, as it has where others had the processor meanwhile.
    await operations.table()["settle"](quiet=0, timeout=60)
    assert reacting.done()
    assert revision == 2


async def test_controllers_go_on_after_a_reset_when_they_have_been_told_of_it() -> None:
    told = asyncio.Event()

    async def tell() -> None:
        for _ in range(50):
            await asyncio.sleep(0)
        told.set()

    @asynccontextmanager
    async def paused() -> AsyncIterator[None]:
        yield
        assert told.is_set()

    async def reached(_: int) -> bool:
        return True

    store = MemoryStore()
    page = await store.list("/r/")
    cache = SimpleNamespace(wait_for_revision=reached, list_cached=lambda _: page)
    server = SimpleNamespace(
        manager=SimpleNamespace(paused=paused),
        registry=SimpleNamespace(store=cache),
        reflectors=(),
    )
    snapshots = Snapshots(cast("Any", server), store, "/r", 60)
    number, _ = await snapshots.take()
    telling = asyncio.create_task(tell())
    assert await snapshots.restore(number) == 0
    assert telling.done()
