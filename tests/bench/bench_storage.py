"""How fast the stores are. Prints; asserts nothing but that no write fails.

    python -m tests.bench.bench_storage [memory|sqlite|etcd|cache ...]

SQLite writes with fsync into a temporary directory (TMPDIR); etcd is the one that tests use,
without fsync where it can do without.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uvloop

from storage.cache.cache import WatchCache
from storage.codec import CodecStore
from storage.hub import Hub
from storage.interface import ABSENT, Batch, Event, Record, Store
from storage.memory import MemoryStore
from storage.observed import ObservedStore
from storage.open import open_store
from tests.etcd_process import etcd_process

ROOT = "/registry/"
VALUE = b'{"kind":"ConfigMap","data":{"a":"' + b"x" * 950 + b'"}}'
OBJECTS = 100_000

Run = Callable[[str], Awaitable[None]]


class PassThrough:
    """A codec that costs what the registry's costs: one object a record, nothing decoded."""

    def encode(self, value: Any) -> bytes:
        return value if isinstance(value, bytes) else value.raw

    def decode(self, key: str, data: bytes, revision: int) -> Any:
        return _Raw(data)


class _Raw:
    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw


@asynccontextmanager
async def stacked(url: str) -> AsyncIterator[WatchCache[Any]]:
    """Open a store as a server has it: cache over codec over metrics."""
    async with AsyncExitStack() as stack:
        bare = await open_store(url)
        stack.push_async_callback(bare.close)
        observed = ObservedStore(bare, lambda operation, seconds, failed: None)
        inner: Store[Any] = CodecStore(observed, PassThrough())
        yield await stack.enter_async_context(WatchCache(inner, ROOT))


def say(what: str, figure: float, unit: str, more: str = "") -> None:
    """Print one line."""
    print(f"  {what:<52} {figure:>10,.1f} {unit:<8} {more}", flush=True)


async def writes(store: Store[Any], in_flight: int, total: int, what: str) -> None:
    """Measure compare-and-swap writes: every writer changes a key of its own again and again."""
    left = iter(range(total))
    seconds: list[float] = []

    async def write(number: int) -> None:
        key, revision = f"{ROOT}bench/{time.time_ns()}-{number}", ABSENT
        for _ in left:
            begun = time.perf_counter()
            revision = (await store.put(key, VALUE, expected=revision)).revision
            seconds.append(time.perf_counter() - begun)

    processor = time.process_time()
    begun = time.perf_counter()
    await asyncio.gather(*map(write, range(in_flight)))
    passed = time.perf_counter() - begun
    processor = 1e6 * (time.process_time() - processor) / total
    seconds.sort()
    middle, late = 1000 * seconds[total // 2], 1000 * seconds[total * 99 // 100]
    say(
        f"{what}, {in_flight} in flight",
        total / passed,
        "/s",
        f"p50 {middle:.2f} ms, p99 {late:.2f} ms, {processor:.0f} us of CPU each",
    )


async def delivery(writer: Store[Any], watching: WatchCache[Any], what: str) -> None:
    """Measure from the return of a write to its event at a watcher."""
    watcher = watching.subscribe(f"{ROOT}delivery/", watching.cached_revision)
    arrived = 0.0
    due = asyncio.Event()

    def wake() -> None:
        nonlocal arrived
        arrived = time.perf_counter()
        due.set()

    watcher.wake = wake
    key, revision, late = f"{ROOT}delivery/{time.time_ns()}", ABSENT, []
    for _ in range(500):
        due.clear()
        record = await writer.put(key, VALUE, expected=revision)
        returned = time.perf_counter()
        await due.wait()
        watcher.take()
        revision = record.revision
        late.append(1000 * max(arrived - returned, 0.0))
        await asyncio.sleep(0.001)
    late.sort()
    say(f"event after its write, {what}, median", late[250], "ms", f"p99 {late[494]:.2f} ms")
    watcher.close()


async def timed(what: str, call: Callable[[int], Awaitable[object]], times: int) -> None:
    """Measure one call after the other."""
    begun = time.perf_counter()
    for number in range(times):
        await call(number)
    say(what, 1e6 * (time.perf_counter() - begun) / times, "us")


async def reads(cache: WatchCache[Any], what: str, times: int) -> None:
    """Measure what reads through the cache cost."""
    page = cache.list_cached(f"{ROOT}objects/", limit=1000)
    keys = [record.key for record in page.records]
    begun = time.perf_counter()
    for number in range(100_000):
        cache.get_cached(keys[number % 1000])
    say(f"{what}: get_cached", 1e6 * (time.perf_counter() - begun) / 100_000, "us")
    await timed(f"{what}: get", lambda number: cache.get(keys[number % 1000]), times)
    begun = time.perf_counter()

    async def read() -> None:
        for number in range(times // 16):
            await cache.get(keys[number % 1000])

    await asyncio.gather(*(read() for _ in range(16)))
    say(f"{what}: get, 16 in flight", times / (time.perf_counter() - begun), "/s")
    await timed(
        f"{what}: page of 500",
        lambda number: cache.list(f"{ROOT}objects/", start=keys[number % 500], limit=500),
        200,
    )
    old = cache.cached_revision
    made = await cache.put(f"{ROOT}other/{time.time_ns()}", VALUE, expected=ABSENT)
    await cache.wait_for_revision(made.revision)
    start = keys[0]
    spent = []
    for _ in range(20):
        begun = time.perf_counter()
        page = await cache.list(f"{ROOT}objects/", start=start, limit=500, revision=old)
        spent.append(1e6 * (time.perf_counter() - begun))
        start = page.records[-1].key + "\0"
    say(f"{what}: page of 500 at an old revision", statistics.median(spent), "us")


async def fill(store: Store[Any]) -> None:
    """Make many objects."""
    left = iter(range(OBJECTS))

    async def write() -> None:
        for number in left:
            await store.put(f"{ROOT}objects/{number:06}", VALUE, expected=ABSENT)

    await asyncio.gather(*(write() for _ in range(200)))


async def opening(url: str, what: str) -> None:
    """Measure opening a store of many objects, and what reads of it cost then."""
    begun = time.perf_counter()
    async with stacked(url) as cache:
        say(f"{what}: open {len(cache):,} objects", time.perf_counter() - begun, "s")
        await reads(cache, what, 3_000 if what == "etcd" else 20_000)


async def memory(url: str) -> None:
    """Measure the store in memory."""
    async with stacked(url) as cache:
        await writes(cache, 16, 40_000, "memory writes")
        await delivery(cache, cache, "memory")


async def sqlite(url: str) -> None:
    """Measure SQLite."""
    async with stacked(url) as cache:
        for in_flight, total in ((1, 3000), (16, 20_000), (50, 20_000), (64, 20_000)):
            await writes(cache, in_flight, total, "SQLite writes with fsync")
        await delivery(cache, cache, "SQLite")
        await fill(cache)
    await opening(url, "SQLite")


async def etcd(url: str) -> None:
    """Measure etcd."""
    async with stacked(url) as cache:
        for in_flight, total in ((1, 3000), (16, 16_000), (64, 16_000)):
            await writes(cache, in_flight, total, "etcd writes")
        await delivery(cache, cache, "etcd, same process")
        async with stacked(url) as other:
            await delivery(cache, other, "etcd, another server")
        await fill(cache)
    await opening(url, "etcd")


async def fanout(_: str) -> None:
    """Measure telling many watchers, and the window under churn."""
    hub: Hub[bytes] = Hub(10_000)
    watchers = [hub.join(f"{ROOT}pods/ns/", 0) for _ in range(200)]
    events = [Event(f"{ROOT}pods/ns/a", n, Record("", b"", n, n), None) for n in range(1, 5001)]
    begun = time.perf_counter()
    for number, event in enumerate(events):
        hub.publish(Batch(event.revision, [event]))
        if number % 10 == 9:
            for watcher in watchers:
                watcher.take()
    passed = time.perf_counter() - begun
    say("hub: deliveries to 200 watchers, 10 events a turn", 5000 * 200 / passed, "/s")
    store = MemoryStore()
    for number in range(OBJECTS):
        await store.put(f"{ROOT}objects/{number:06}", VALUE, expected=ABSENT)
    async with WatchCache(store, ROOT) as cache:
        begun = time.perf_counter()
        for number in range(20_000):
            record = await store.put(f"{ROOT}objects/{number % 1000:06}x", VALUE, expected=ABSENT)
            await store.delete(record.key, expected=record.revision)
            if number % 10 == 0:
                await asyncio.sleep(0)
        await cache.wait_until_fresh()
        passed = time.perf_counter() - begun
        say("memory and cache of 100,000: create and delete", 1e6 * passed / 20_000, "us")


async def main(chosen: list[str]) -> None:
    """Run what was chosen."""
    print(json.dumps({"python": sys.version.split()[0], "objects": OBJECTS, "bytes": len(VALUE)}))
    with tempfile.TemporaryDirectory(prefix="bench-storage-") as directory:
        if "cache" in chosen:
            await fanout("")
        if "memory" in chosen:
            await memory("memory://")
        if "sqlite" in chosen:
            await sqlite(f"sqlite:///{directory}/bench.db")
        if "etcd" in chosen:
            with etcd_process("--quota-backend-bytes=4000000000") as process:
                await etcd(process.endpoint)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:] or ["cache", "memory", "sqlite", "etcd"]))
