"""Latency of others while one client lists everything again and again.

The client that lists is a process of its own, and so is the one that gets and creates. It sends a
few requests at a time and pauses after each: what is measured is a wait for the list, not for each
other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

import uvloop

from tests.bench.connection import connection
from tests.bench.loadclient import Load, Outcome, run_load
from tests.bench.workloads import NAMESPACE, http

_ASKED: Final = ("GET", "create ConfigMap")
_CONNECTIONS: Final = 4
_PAUSE: Final = 0.005


@dataclass(frozen=True, slots=True)
class Beside:
    """The server that is asked, and for how many seconds each kind of request is sent."""

    port: int
    seconds: float


def run_beside(beside: Beside) -> Mapping[str, Outcome]:
    """Return how the others fared, by what they asked. It runs in this process."""
    first = time.time_ns()
    return {
        name: run_load(Load(beside.port, name, _CONNECTIONS, beside.seconds, first, _PAUSE))
        for name in _ASKED
    }


@contextmanager
def lists_until_killed(port: int, query: str) -> Iterator[None]:
    """Let another process list the ConfigMaps, page by page, while the block runs."""
    process = get_context("spawn").Process(target=_list, args=(port, query), daemon=True)
    process.start()
    try:
        time.sleep(1.0)
        assert process.is_alive(), "nothing can be listed"
        yield
    finally:
        process.kill()
        process.join()


def _list(port: int, query: str) -> None:
    uvloop.run(_list_for_ever(port, f"{NAMESPACE}/configmaps{query}"))


async def _list_for_ever(port: int, path: str) -> None:
    async with connection(port) as server:
        more = ""
        while True:
            assert await server.ask(http("GET", path + more)) == 200
            token = server.told("continue")
            more = f"&continue={token}" if token else ""
            await asyncio.sleep(0)
