"""Watchers of one resource, and what a write to it costs and takes until all have seen it.

Each watcher is a connection of its own; events are counted by their lines and not decoded. One in
ten has a label selector that few objects match.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import Final, cast

import uvloop

from tests.bench.loadclient import connection
from tests.bench.workloads import NAMESPACE, TARGETS, TOKEN, http, target

_AT_ONCE: Final = 50
_MERGE: Final = "application/merge-patch+json"
_QUIET_SECONDS: Final = 0.5
_GIVEN_UP_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Fanout:
    """How many watchers, how many connections write, and for how many seconds."""

    port: int
    watchers: int
    writers: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Delivered:
    """Writes and deliveries a second, and the milliseconds from an answer to its event (p50)."""

    writes: float
    deliveries: float
    lag: float


class Watcher(asyncio.Protocol):
    """Counts the events of a watch; ``seen`` is when the newest one arrived."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.opened = asyncio.Event()
        self.events = 0
        self.seen = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.opened.set()
        self.seen = time.perf_counter()
        self.events += data.count(b'{"type":')


def run_fanout(fanout: Fanout) -> Delivered:
    """Run watchers and writers in this process."""
    return uvloop.run(_run(fanout))


async def _run(fanout: Fanout) -> Delivered:
    watchers = await _open(fanout)
    try:
        lag = await _lag(fanout.port, watchers[0])
        before = sum(each.events for each in watchers)
        begun = time.perf_counter()
        written = await _write(fanout)
        await _until_quiet(watchers)
        seconds = max(each.seen for each in watchers) - begun
        events = sum(each.events for each in watchers) - before
        return Delivered(written / seconds, events / seconds, lag)
    finally:
        for each in watchers:
            assert each.transport is not None
            each.transport.abort()


async def _open(fanout: Fanout) -> list[Watcher]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    loop = asyncio.get_running_loop()

    async def one(number: int) -> Watcher:
        selector = "&labelSelector=share%3Dfew" if number % 10 == 9 else ""
        path = f"{NAMESPACE}/configmaps?watch=1&timeoutSeconds=3000{selector}"
        request = f"GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        _, watcher = await loop.create_connection(
            lambda: Watcher(request.encode()), "127.0.0.1", fanout.port, ssl=tls
        )
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
    async with connection(port) as ask:
        for number in range(51):
            before = watcher.events
            await ask(http("PATCH", target(0), {"data": {"text": f"lag {number}"}}, _MERGE))
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
        async with connection(fanout.port) as ask:
            while time.perf_counter() < until:
                path = target(writer % TARGETS)
                await ask(http("PATCH", path, {"data": {"text": str(written)}}, _MERGE))
                written += 1

    async with asyncio.TaskGroup() as group:
        for writer in range(fanout.writers):
            group.create_task(one(writer))
    return written
