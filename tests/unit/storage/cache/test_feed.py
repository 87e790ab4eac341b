"""The feed of a cache: what has ended once it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from storage.cache.feed import Feed
from storage.interface import Batch, FeedStore, Page


class Lingering:
    """A store whose watches take a while to end, and notes which have ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.may_end = asyncio.Event()

    async def list(self, prefix: str) -> Page[bytes]:
        return Page([], 1)

    async def feed(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        self.begun += 1
        yield Batch(after)
        try:
            await asyncio.Event().wait()
        finally:
            await self.may_end.wait()
            self.ended += 1


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("reloads", [0, 1, 2])
async def test_a_feed_that_is_stopped_waits_for_watches_that_end(reloads: int) -> None:
    async def load(_: Page[bytes]) -> None:
        return

    store = Lingering()
    feed: Feed[bytes] = Feed(cast("FeedStore[bytes]", store), "/", load=load, apply=lambda _: None)
    await feed.start(timeout=60)
    for _ in range(reloads):
        feed.reload()
        await settle()
    stopping = asyncio.create_task(feed.stop())
    await settle()
    assert not stopping.done()
    store.may_end.set()
    await stopping
    assert store.ended == store.begun == 1


async def test_a_reload_while_everything_is_read_is_not_forgotten() -> None:
    loads = 0

    async def load(_: Page[bytes]) -> None:
        nonlocal loads
        loads += 1
        if loads == 1:
            feed.reload()

    store = Lingering()
    store.may_end.set()
    feed: Feed[bytes] = Feed(cast("FeedStore[bytes]", store), "/", load=load, apply=lambda _: None)
    await feed.start(timeout=60)
    assert (loads, store.begun) == (2, 1)
    await feed.stop()
