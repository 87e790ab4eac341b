"""Watchers of one resource, and what a write to it costs and takes until all have seen it.

Each watcher is a connection of its own; events are counted by their lines and not decoded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import uvloop

from tests.bench.connection import Connection, connect, connection
from tests.bench.process import cpu_seconds, raise_file_limit, resident
from tests.bench.workloads import NAMESPACE, TARGETS, http, target

_AT_ONCE: Final = 50
_MERGE: Final = "application/merge-patch+json"
_QUIET_SECONDS: Final = 0.5
_GIVEN_UP_SECONDS: Final = 60.0
_FEW: Final = "&labelSelector=share%3Dfew"
#: One in ten has a label selector that few objects match.
PATHS: Final = tuple(f"{NAMESPACE}/configmaps?watch=1{each}" for each in (*[""] * 9, _FEW))


@dataclass(frozen=True, slots=True)
class Fanout:
    """How many watchers, how many connections write, and for how many seconds.

    ``server`` is the process of the server; watchers take turns in what of ``paths`` they watch.
    """

    port: int
    server: int
    watchers: int
    writers: int
    seconds: float
    paths: Sequence[str] = PATHS


@dataclass(frozen=True, slots=True)
class Delivered:
    """Writes and deliveries a second, and the milliseconds from an answer to its event (p50).

    ``cpu`` is the server's microseconds for a write, ``memory`` its KiB for an idle watch.
    """

    writes: float
    deliveries: float
    lag: float
    cpu: float
    memory: float


class Watcher(Connection):
    """Counts the events of a watch; ``seen`` is when the newest one arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = asyncio.Event()
        self.events = 0
        self.seen = 0.0

    def data_received(self, data: bytes) -> None:
        self.opened.set()
        self.seen = time.perf_counter()
        self.events += data.count(b'{"type":')


def run_fanout(fanout: Fanout) -> Delivered:
    """Run watchers and writers in this process."""
    raise_file_limit()
    return uvloop.run(_run(fanout))


async def _run(fanout: Fanout) -> Delivered:
    memory = resident(fanout.server)
    watchers = await _open(fanout)
    try:
        memory = 1024 * (resident(fanout.server) - memory) / fanout.watchers
        lag = await _lag(fanout.port, watchers[0])
        before = sum(each.events for each in watchers)
        cpu, begun = cpu_seconds(fanout.server), time.perf_counter()
        written = await _write(fanout)
        await _until_quiet(watchers)
        seconds = max(each.seen for each in watchers) - begun
        events = sum(each.events for each in watchers) - before
        cpu = 1e6 * (cpu_seconds(fanout.server) - cpu) / written
        return Delivered(written / seconds, events / seconds, lag, cpu, memory)
    finally:
        for each in watchers:
            each.abort()


async def _open(fanout: Fanout) -> list[Watcher]:
    async def one(number: int) -> Watcher:
        watcher = await connect(fanout.port, Watcher)
        path = fanout.paths[number % len(fanout.paths)]
        watcher.send(http("GET", path + "&timeoutSeconds=3000"))
        await watcher.opened.wait()
        return watcher

    watchers: list[Watcher] = []
    while len(watchers) < fanout.watchers:
        few = range(len(watchers), min(len(watchers) + _AT_ONCE, fanout.watchers))
        watchers += await asyncio.gather(*map(one, few))
    await _until_quiet(watchers)
    return watchers


async def _until_quiet(watchers: list[Watcher]) -> None:
    """Wait until no event has arrived for a while: what existed, or was written, is delivered."""
    deadline = time.perf_counter() + _GIVEN_UP_SECONDS
    while time.perf_counter() < deadline:
        await asyncio.sleep(0.05)
        if time.perf_counter() - max(each.seen for each in watchers) > _QUIET_SECONDS:
            return


async def _lag(port: int, watcher: Watcher) -> float:
    """Return the median milliseconds from the answer to a write until a watcher sees its event."""
    lags = []
    async with connection(port) as server:
        for number in range(51):
            before = watcher.events
            await server.ask(http("PATCH", target(0), {"data": {"text": f"lag {number}"}}, _MERGE))
            answered = time.perf_counter()
            while watcher.events == before:
                await asyncio.sleep(0)
            lags.append(max(0.0, watcher.seen - answered))
    return 1000 * sorted(lags)[len(lags) // 2]


async def _write(fanout: Fanout) -> int:
    written = 0
    until = time.perf_counter() + fanout.seconds

    async def one(writer: int) -> None:
        nonlocal written
        async with connection(fanout.port) as server:
            while time.perf_counter() < until:
                path = target(writer % TARGETS)
                await server.ask(http("PATCH", path, {"data": {"text": str(written)}}, _MERGE))
                written += 1

    async with asyncio.TaskGroup() as group:
        for writer in range(fanout.writers):
            group.create_task(one(writer))
    return written
