"""A client that keeps connections busy: one request at a time on each, over TLS.

It runs in a process of its own, so that its work is not the server's. What it costs to make a
request and to find the end of an answer is small beside what a server does for it.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final, cast

import uvloop

from tests.bench.workloads import NAMESPACE, WORKLOADS, config_map, http

_LENGTH: Final = b"content-length:"
_FILLERS: Final = 32


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent: a workload by name, from ``first`` on, over some connections for a while."""

    port: int
    workload: str
    connections: int
    seconds: float
    first: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The seconds of a load, and the seconds of each answer, sorted."""

    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds that ``share`` of the answers do not exceed."""
        index = min(len(self.latencies) - 1, int(share * len(self.latencies)))
        return 1000 * self.latencies[index]


def run_load(load: Load) -> Outcome:
    """Run a load in this process."""
    return uvloop.run(_run(load))


async def _run(load: Load) -> Outcome:
    request = next(each.request for each in WORKLOADS if each.name == load.workload)
    numbers = count(load.first)
    latencies: list[float] = []
    begun = time.perf_counter()
    until = begun + load.seconds

    async def one() -> None:
        async with connection(load.port) as ask:
            while time.perf_counter() < until:
                content = request(next(numbers))
                sent = time.perf_counter()
                status = await ask(content)
                latencies.append(time.perf_counter() - sent)
                if status >= 300:
                    raise RuntimeError(f"{load.workload}: the server answered {status}")

    async with asyncio.TaskGroup() as group:
        for _ in range(load.connections):
            group.create_task(one())
    return Outcome(time.perf_counter() - begun, sorted(latencies))


def fill(port: int, objects: int) -> None:
    """Create the ConfigMaps that are read and changed."""
    uvloop.run(_fill(port, objects))


async def _fill(port: int, objects: int) -> None:
    numbers = iter(range(objects))

    async def one() -> None:
        async with connection(port) as ask:
            for number in numbers:
                body = config_map(f"old-{number}")
                assert await ask(http("POST", f"{NAMESPACE}/configmaps", body)) == 201

    async with asyncio.TaskGroup() as group:
        for _ in range(_FILLERS):
            group.create_task(one())


class Connection(asyncio.Protocol):
    """One connection; answers have a Content-Length or are chunked."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._end = 0
        self._answered: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._end:
            self._end = self._find_end()
        if self._is_complete() and self._answered is not None:
            status = int(self._received[9:12])
            self._received.clear()
            self._end = 0
            self._answered.set_result(status)

    async def ask(self, request: bytes) -> int:
        """Send a request and return the status of its answer."""
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def _find_end(self) -> int:
        """Return where the answer ends: 0 is not known yet, -1 at its last chunk."""
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return 0
        headers = bytes(self._received[:head]).lower()
        start = headers.find(_LENGTH)
        if start < 0:
            return -1
        return head + 4 + int(headers[start + len(_LENGTH) :].partition(b"\r\n")[0])

    def _is_complete(self) -> bool:
        if self._end < 0:
            return self._received.endswith(b"\r\n0\r\n\r\n")
        return 0 < self._end <= len(self._received)


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[Callable[[bytes], asyncio.Future[int]]]:
    """Yield what sends a request and returns the status of its answer."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(Connection, "127.0.0.1", port, ssl=tls)
    try:
        yield protocol.ask  # type: ignore[misc]
    finally:
        transport.abort()
