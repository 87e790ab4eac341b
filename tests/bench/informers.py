"""Many operators: informers of twenty kinds in each of many namespaces, while objects change.

An informer lists, and then watches from there with bookmarks, on a connection of its own. Every
write changes a ConfigMap of another namespace, so exactly one of the informers has to learn of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

import uvloop

from tests.bench.connection import Connection, connect, connection
from tests.bench.process import cpu_seconds, raise_file_limit, resident
from tests.bench.workloads import config_map, http

_AT_ONCE: Final = 50
_MERGE: Final = "application/merge-patch+json"
_NAME: Final = "settings"
_SEEN_WITHIN: Final = 10.0
#: The path before the namespace, and the resource.
KINDS: Final = (
    *(("/api/v1", plural) for plural in (
        "configmaps", "secrets", "services", "endpoints", "serviceaccounts", "pods", "events",
        "persistentvolumeclaims", "resourcequotas", "limitranges",
    )),
    *(("/apis/apps/v1", plural) for plural in (
        "deployments", "replicasets", "statefulsets", "daemonsets",
    )),
    *(("/apis/batch/v1", plural) for plural in ("jobs", "cronjobs")),
    ("/apis/networking.k8s.io/v1", "ingresses"),
    ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    ("/apis/policy/v1", "poddisruptionbudgets"),
    ("/apis/coordination.k8s.io/v1", "leases"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Informers:
    """How many namespaces, how many connections write, and for how many seconds.

    ``server`` is the process of the server.
    """

    port: int
    server: int
    namespaces: int
    writers: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Informed:
    """Seconds to open all, writes a second, milliseconds from an answer to its event (p50, p99).

    ``cpu`` is the server's microseconds for a write, ``memory`` its KiB for an informer.
    """

    opening: float
    writes: float
    lag: float
    longest_lag: float
    cpu: float
    memory: float


class Informer(Connection):
    """Lists, then watches; ``seen`` is set when an event arrives, and ``when`` is the time."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = asyncio.Event()
        self.when = 0.0
        self._watches = False

    async def start(self, path: str) -> None:
        """List, and begin to watch."""
        assert await self.ask(http("GET", path + "?limit=500")) == 200
        self._watches = True
        rest = "?watch=1&allowWatchBookmarks=true&timeoutSeconds=3000&resourceVersion="
        self.send(http("GET", path + rest + self.told("resourceVersion")))
        await self.seen.wait()

    def data_received(self, data: bytes) -> None:
        if not self._watches:
            super().data_received(data)
            return
        self.when = time.perf_counter()
        self.seen.set()


def run_informers(informers: Informers) -> Informed:
    """Run the informers and the writers in this process."""
    raise_file_limit()
    return uvloop.run(_run(informers))


async def _run(informers: Informers) -> Informed:
    names = [f"team-{number}" for number in range(informers.namespaces)]
    await _prepare(informers.port, names)
    memory, begun = resident(informers.server), time.perf_counter()
    open_ = await _open(informers.port, names)
    opening = time.perf_counter() - begun
    memory = 1024 * (resident(informers.server) - memory) / (len(names) * len(KINDS))
    cpu = cpu_seconds(informers.server)
    lags = await _write(informers, names, open_)
    cpu = 1e6 * (cpu_seconds(informers.server) - cpu) / len(lags)
    for each in open_:
        each.abort()
    lags.sort()
    median, longest = (1000 * lags[int(share * len(lags))] for share in (0.5, 0.99))
    return Informed(opening, len(lags) / informers.seconds, median, longest, cpu, memory)


async def _prepare(port: int, names: Sequence[str]) -> None:
    async with connection(port) as server:
        for name in names:
            body = {"metadata": {"name": name}}
            assert await server.ask(http("POST", "/api/v1/namespaces", body)) == 201
            path = f"/api/v1/namespaces/{name}/configmaps"
            assert await server.ask(http("POST", path, config_map(_NAME))) == 201


async def _open(port: int, names: Sequence[str]) -> list[Informer]:
    """Return all informers; the first ones are those of the ConfigMaps of each namespace."""
    paths = [f"{prefix}/namespaces/{name}/{plural}" for prefix, plural in KINDS for name in names]
    opened: list[Informer] = []

    async def one(path: str) -> Informer:
        informer = await connect(port, Informer)
        await informer.start(path)
        return informer

    while len(opened) < len(paths):
        few = paths[len(opened) : len(opened) + _AT_ONCE]
        opened += await asyncio.gather(*map(one, few))
    return opened


async def _write(
    informers: Informers, names: Sequence[str], opened: Sequence[Informer]
) -> list[float]:
    """Change a ConfigMap of one namespace after the other; return the lags in seconds."""
    numbers, lags = count(), []
    until = time.perf_counter() + informers.seconds

    async def one() -> None:
        async with connection(informers.port) as server:
            while time.perf_counter() < until:
                number = next(numbers)
                informer = opened[number % len(names)]
                informer.seen.clear()
                path = f"/api/v1/namespaces/{names[number % len(names)]}/configmaps/{_NAME}"
                body = {"data": {"text": str(number)}}
                assert await server.ask(http("PATCH", path, body, _MERGE)) == 200
                answered = time.perf_counter()
                async with asyncio.timeout(_SEEN_WITHIN):
                    await informer.seen.wait()
                lags.append(max(0.0, informer.when - answered))

    async with asyncio.TaskGroup() as group:
        for _ in range(informers.writers):
            group.create_task(one())
    return lags
