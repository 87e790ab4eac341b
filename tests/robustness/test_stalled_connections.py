"""Clients that do not read or do not send are disconnected, without harm to others."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest

from tests.robustness.servers import broken
from tests.robustness.servers.collection import Collection, collection_on
from tests.robustness.servers.crowd import (
    CONNECTIONS,
    MIB,
    OPEN,
    WATCHES,
    descriptor_of,
    gauge,
    memory_of,
    raw_connection,
    until,
)
from tests.robustness.servers.http import (
    Api,
    read_answer,
    request,
)
from tests.robustness.servers.probe import measured
from tests.server_process import ServerProcess
from tests.waiting import PATIENCE, eventually

log = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(300 + CONNECTIONS / 20)

_CHANGES = 100


@pytest.fixture(scope="module")
def server_at_fault(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server with the fault that a test names."""
    flags = ("--storage=memory://", f"--fault={request.param.__name__}")
    process = ServerProcess(tmp_path_factory.mktemp("server"), *flags, module=broken.__name__)
    process.start()
    try:
        yield process
        assert "Traceback" not in process.log, process.log
    finally:
        process.kill()


@pytest.fixture
async def strict(server_at_fault: ServerProcess) -> AsyncIterator[Collection]:
    """A collection on a server that waits a second where others wait a minute or more."""
    async with collection_on(server_at_fault) as collection:
        yield collection


stalled_clients_are_dropped_soon = pytest.mark.parametrize(
    "server_at_fault", [broken.drops_stalled_clients_soon], indirect=True
)
idle_connections_are_closed_soon = pytest.mark.parametrize(
    "server_at_fault", [broken.closes_idle_connections_soon], indirect=True
)


@stalled_clients_are_dropped_soon
async def test_who_reads_no_answer_is_dropped(strict: Collection) -> None:
    server, api = strict.server, strict.api
    for number in range(8):
        await strict.make(f"large-{number}", 900_000)
    # What is made once is made now.
    assert (await api.send("GET", strict.path)).status == 200
    before, count, memory = memory_of(server), 10, []
    async with asyncio.TaskGroup() as tasks:
        slow = [
            tasks.create_task(_read_nothing_until_the_end(server, strict.path))
            for _ in range(count)
        ]

        async def have_gone() -> bool:
            memory.append(memory_of(server))
            assert (await api.send("GET", "/version")).status == 200
            return all(task.done() for task in slow)

        await eventually(have_gone)
    grown = max(memory) - before
    log.info("%d clients that do not read 7 MB: %.0f KiB each", count, grown / count)
    assert grown / count < 3600
    assert await until(api, OPEN, lambda found: found <= 1) <= 1


async def _read_nothing_until_the_end(server: ServerProcess, path: str) -> None:
    async with raw_connection(server, receives=4096) as (reader, writer):
        writer.write(request("GET", path))
        await writer.drain()
        raw: asyncio.Transport = writer.transport
        raw.pause_reading()
        await eventually(partial(_is_closed, *descriptor_of(server, writer)))
        raw.resume_reading()
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await reader.readexactly(100 * MIB)


def _is_closed(descriptor: Path, opened: str) -> bool:
    try:
        return os.readlink(descriptor) != opened
    except FileNotFoundError:
        return True


@stalled_clients_are_dropped_soon
async def test_who_reads_no_events_is_dropped_without_harm_to_others(strict: Collection) -> None:
    """While it does not read, others are told every change, and memory does not grow with them."""
    server, api = strict.server, strict.api
    watches = await gauge(api, WATCHES)
    told: list[str] = []

    async def listen() -> None:
        async with aclosing(Api.at(server.url).watch(strict.watch)) as events:
            async for event in events:
                if event["type"] == "MODIFIED":
                    told.append(event["object"]["metadata"]["labels"]["number"])
                if told[-1:] == [str(_CHANGES - 1)]:
                    return

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(listen())
        for _ in range(5):
            tasks.create_task(_read_nothing_until_the_end(server, strict.watch))
        await until(api, WATCHES, lambda found: found == watches + 6)
        before = memory_of(server)
        await strict.make("changing", 100_000)
        async with measured(server.url, "/version") as others:
            for number in range(_CHANGES):
                await strict.change("changing", number)
            await listening
        grown = memory_of(server) - before
    log.info("10 MB of events to five who do not read: %.0f KiB more; others %s", grown, others)
    assert [int(each) for each in told] == list(range(_CHANGES))
    assert await until(api, WATCHES, lambda found: found <= watches) <= watches


@idle_connections_are_closed_soon
async def test_a_head_that_comes_a_byte_at_a_time_is_not_waited_for(
    server_at_fault: ServerProcess,
) -> None:
    loop = asyncio.get_running_loop()
    async with raw_connection(server_at_fault) as (reader, writer):
        writer.write(b"GET /version HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        begun = loop.time()
        async with asyncio.timeout(PATIENCE):
            while not reader.at_eof():
                writer.write(b"x")
                try:
                    await asyncio.wait_for(reader.read(100), 0.1)
                except TimeoutError:
                    continue
                except OSError:
                    break
    assert loop.time() - begun > 0.5


@idle_connections_are_closed_soon
async def test_who_says_nothing_is_let_go(server_at_fault: ServerProcess) -> None:
    async with raw_connection(server_at_fault) as (reader, _), asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
    async with raw_connection(server_at_fault) as (reader, writer), asyncio.timeout(PATIENCE):
        writer.write(request("GET", "/version"))
        assert (await read_answer(reader)).status == 200
        assert await reader.read() == b""
