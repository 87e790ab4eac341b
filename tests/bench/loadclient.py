"""A client that keeps connections busy: one request at a time on each, over TLS.

It runs in a process of its own, so that its work is not the server's. What it costs to make a
request and to find the end of an answer is small beside what a server does for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

import uvloop

from tests.bench.connection import connection
from tests.bench.workloads import NAMESPACE, WORKLOADS, config_map, http, pod

_FILLERS: Final = 32


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent: a workload by name, from ``first`` on, over some connections for a while.

    ``pause`` is the time between an answer and the next request on its connection, in seconds.
    """

    port: int
    workload: str
    connections: int
    seconds: float
    first: int
    pause: float = 0.0


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
        async with connection(load.port) as server:
            while time.perf_counter() < until:
                content = request(next(numbers))
                sent = time.perf_counter()
                status = await server.ask(content)
                latencies.append(time.perf_counter() - sent)
                if load.pause:
                    await asyncio.sleep(load.pause)
                if status >= 300:
                    raise RuntimeError(f"{load.workload}: the server answered {status}")

    async with asyncio.TaskGroup() as group:
        for _ in range(load.connections):
            group.create_task(one())
    return Outcome(time.perf_counter() - begun, sorted(latencies))


def fill(port: int, objects: int) -> None:
    """Create the ConfigMaps that are read and changed."""
    path = f"{NAMESPACE}/configmaps"
    requests = (http("POST", path, config_map(f"old-{number}")) for number in range(objects))
    uvloop.run(_create_all(port, requests))


def fill_nodes(port: int, pods: int) -> None:
    """Create Pods on a hundred nodes."""
    path = f"{NAMESPACE}/pods"
    requests = (
        http("POST", path, pod(f"old-{number}", f"node-{number % 100}")) for number in range(pods)
    )
    uvloop.run(_create_all(port, requests))


def newest_revision(port: int) -> int:
    """Return the revision of the store, which is that of a list."""

    async def ask() -> int:
        async with connection(port) as server:
            assert await server.ask(http("GET", f"{NAMESPACE}/configmaps?limit=1")) == 200
            return int(server.told("resourceVersion"))

    return uvloop.run(ask())


async def _create_all(port: int, requests: Iterator[bytes]) -> None:
    async def one() -> None:
        async with connection(port) as server:
            for request in requests:
                assert await server.ask(request) == 201

    async with asyncio.TaskGroup() as group:
        for _ in range(_FILLERS):
            group.create_task(one())
