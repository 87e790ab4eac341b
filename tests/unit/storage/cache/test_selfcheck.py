"""The periodic self-check: it reports differences, and continues after a failure."""

from __future__ import annotations

import asyncio
import logging

import pytest

from storage.cache.cache import WatchCache
from storage.cache.selfcheck import check_periodically
from storage.errors import Unavailable
from storage.interface import ABSENT, LATEST, Page, Record
from storage.memory import MemoryStore


async def test_it_says_what_differs(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(MemoryStore):
        failing = False

        async def list(
            self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
        ) -> Page[bytes]:
            if self.failing:
                raise Unavailable("not now")
            return await super().list(prefix, start=start, limit=limit, revision=revision)

    store = Faulty()
    await store.put("/r/a", b"v", expected=ABSENT)
    async with WatchCache(store, "/r/") as cache:
        rounds: list[float] = []

        async def sleep(seconds: float) -> None:
            rounds.append(seconds)
            store.failing = len(rounds) == 2
            if len(rounds) == 3:
                cache._window._records.clear()
            if len(rounds) == 4:
                raise asyncio.CancelledError

        caplog.set_level(logging.INFO)
        with pytest.raises(asyncio.CancelledError):
            await check_periodically(cache, 5.0, sleep)
        assert rounds == [5.0] * 4
        assert [record.getMessage() for record in caplog.records] == [
            "the cache equals the store at revision 2",
            "checking the cache failed: not now",
            "the cache differs from the store in 1 keys: /r/a",
        ]


async def test_every_key_that_differs_is_found_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.cache.cache.WINDOW", 3)
    monkeypatch.setattr("storage.slices.SLICE", 2)
    store = MemoryStore()
    for name in "bcdfgk":
        await store.put(f"/r/{name}", b"v", expected=ABSENT)
    async with WatchCache(store, "/r/") as cache:
        window = cache._window
        assert await cache.check() == []
        by_key, in_order = window._records, window._in_order
        for name in "aez":
            by_key[f"/r/{name}"] = Record(f"/r/{name}", b"v", 1, 1)
            in_order.put(by_key[f"/r/{name}"])
        by_key["/r/y"] = Record("/r/y", b"v", 1, 1)
        by_key["/r/c"] = Record("/r/c", b"v", by_key["/r/c"].revision, 1)
        del by_key["/r/d"]
        in_order.put(Record("/r/f", b"v", 1, 1))
        in_order.remove("/r/g")
        steps = 0

        async def others() -> None:
            nonlocal steps
            while True:
                await asyncio.sleep(0)
                steps += 1

        task = asyncio.create_task(others())
        assert await cache.check() == [f"/r/{name}" for name in "acdefgyz"]
        task.cancel()
        assert steps >= 3
