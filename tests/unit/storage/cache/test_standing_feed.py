"""While the feed is stalled, reads past it count as the latest known revision."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from storage.cache.cache import WatchCache
from storage.interface import ABSENT
from tests.unit.storage.cache.test_cache import ROOT, Shared


@pytest.fixture
async def store() -> Shared:
    shared = Shared()
    shared.reports_progress = False
    await shared.put("/r/known", b"one", expected=ABSENT)
    return shared


@pytest.fixture
async def cache(store: Shared) -> AsyncIterator[WatchCache[bytes]]:
    async with WatchCache(store, ROOT) as opened:
        store.feeding.clear()
        yield opened
        store.feeding.set()


def value(cache: WatchCache[bytes], key: str) -> bytes | None:
    record = cache.get_newest_known(key)
    return None if record is None else record.value


async def test_what_was_read_is_newer_than_memory(store: Shared, cache: WatchCache[bytes]) -> None:
    known = await store.get("/r/known")
    assert known is not None
    changed = await store.put("/r/known", b"two", expected=known.revision)
    await store.put("/r/new", b"new", expected=ABSENT)
    assert (value(cache, "/r/known"), value(cache, "/r/new")) == (b"one", None)
    for key in ("/r/known", "/r/new"):
        await cache.get(key)
    assert (value(cache, "/r/known"), value(cache, "/r/new")) == (b"two", b"new")
    await store.delete("/r/known", expected=changed.revision)
    await cache.get("/r/known")
    assert value(cache, "/r/known") is None


async def test_what_was_written_since_is_newer_still(
    store: Shared, cache: WatchCache[bytes]
) -> None:
    await store.put("/r/a", b"one", expected=ABSENT)
    record = await cache.get("/r/a")
    assert record is not None
    await cache.put("/r/a", b"two", expected=record.revision)
    assert value(cache, "/r/a") == b"two"


async def test_memory_is_believed_again_when_the_feed_goes_on(
    store: Shared, cache: WatchCache[bytes]
) -> None:
    first = await store.put("/r/a", b"one", expected=ABSENT)
    await cache.get("/r/a")
    last = await store.put("/r/a", b"two", expected=first.revision)
    assert value(cache, "/r/a") == b"one"
    store.feeding.set()
    assert await cache.wait_for_revision(last.revision)
    assert value(cache, "/r/a") == b"two"
