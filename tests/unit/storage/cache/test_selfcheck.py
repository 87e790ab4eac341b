"""The periodic self-check: it says what differs, and goes on after a failure."""

from __future__ import annotations

import asyncio
import logging

import pytest

from storage.cache.cache import WatchCache
from storage.cache.selfcheck import check_periodically
from storage.errors import Unavailable
from storage.interface import ABSENT, LATEST, Page
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
            "the cache is what the store is, at revision 2",
            "checking the cache failed: not now",
            "the cache differs from the store in 1 keys: /r/a",
        ]
