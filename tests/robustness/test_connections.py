"""Connections: very many, idle, slow, half closed or left behind; none of them harms the others."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from apiserver.server.config import load_config
from apiserver.server.listening import bind_socket
from tests.robustness.runs import SECONDS
from tests.robustness.servers import broken
from tests.robustness.servers.crowd import (
    CONNECTIONS,
    crowd,
    files_of,
    gauge,
    leave,
    memory_of,
    raw_connection,
    room_for,
    until,
)
from tests.robustness.servers.http import (
    MERGE_PATCH,
    Api,
    Broken,
    NotSent,
    read_answer,
    read_head,
    request,
)
from tests.robustness.servers.probe import measured
from tests.server_process import ServerProcess, running_server

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.robustness, pytest.mark.timeout(120 + CONNECTIONS / 20)]

COLLECTION = "/api/v1/namespaces/default/configmaps"
WATCH = f"{COLLECTION}?watch=1&timeoutSeconds=3600"
OPEN, WATCHES = "apiserver_open_connections", "apiserver_longrunning_watches"
MIB = 1024 * 1024
_TCP_REPAIR = 19


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("server"), "--storage=memory://") as started:
        yield started
        assert "Traceback" not in started.log, started.log


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that waits a second where others wait a minute or more."""
    process = ServerProcess(
        tmp_path_factory.mktemp("hasty"),
        *("--storage=memory://", f"--fault={broken.has_little_patience.__name__}"),
        module=broken.__name__,
    )
    process.start()
    try:
        yield process
        assert "Traceback" not in process.log, process.log
    finally:
        process.kill()


@pytest.fixture
async def api(server: ServerProcess) -> AsyncIterator[Api]:
    opened = Api.at(server.url)
    yield opened
    opened.close()


async def make(api: Api, name: str, size: int) -> None:
    document = {"metadata": {"name": name}, "data": {"text": "x" * size}}
    answer = await api.send("POST", COLLECTION, document)
    assert answer.status == 201, answer


async def change(api: Api, name: str, number: int) -> None:
    patch = {"metadata": {"labels": {"number": str(number)}}}
    answer = await api.send("PATCH", f"{COLLECTION}/{name}", patch, media_type=MERGE_PATCH)
    assert answer.status == 200, answer


async def test_idle_connections_and_watches_are_many_and_leave_nothing(
    server: ServerProcess, api: Api
) -> None:
    count = room_for(2 * CONNECTIONS) // 2
    watches, files = await gauge(server, WATCHES), files_of(server)
    before = memory_of(server)
    idle = await crowd(server, count)
    between = memory_of(server)
    watching = await crowd(server, count, WATCH)
    after = memory_of(server)
    log.info("%d idle connections: %.1f KiB each; %d idle watches: %.1f KiB each", count,
             (between - before) / count, count, (after - between) / count)  # fmt: skip
    assert await gauge(server, WATCHES) == watches + count
    async with measured(server.url, "/version") as others:
        await asyncio.sleep(0.3)
    log.info("others meanwhile: %s", others)

    async with asyncio.timeout(30):
        await make(api, "seen-by-all", 10)
        for reader, _ in watching:
            await reader.readuntil(b"seen-by-all")

    leave(idle)
    leave(watching, reset=True)
    assert await until(server, WATCHES, lambda found: found == watches) == watches
    # This client's, that of the last look, and at most that of the one before.
    assert await until(server, OPEN, lambda found: found <= 3) <= 3
    assert files_of(server) <= files + 3


async def test_who_vanishes_from_an_idle_watch_is_forgotten(server: ServerProcess) -> None:
    watches = await gauge(server, WATCHES)
    memory: list[float] = []
    for _ in range(4):
        watching = await crowd(server, 100, WATCH)
        assert await gauge(server, WATCHES) == watches + 100
        leave(watching[:50], reset=True)
        leave(watching[50:])
        assert await until(server, WATCHES, lambda found: found == watches, 5) == watches
        memory.append(memory_of(server))
    log.info("%.0f KiB more after 300 watches that vanished", memory[-1] - memory[0])
    assert memory[-1] - memory[0] < 300 * 10


def test_who_dies_in_silence_is_found_out_by_the_kernel(tmp_path: Path) -> None:
    """Accepted sockets ask idle clients for a sign of life, and wait for none of them long."""
    config = load_config({"secure_port": "0", "data_dir": str(tmp_path)})
    with bind_socket(config) as listener:
        listener.listen()
        listener.setblocking(True)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            read = {
                name: accepted.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
            }
    asked_until = read["TCP_KEEPIDLE"] + read["TCP_KEEPINTVL"] * read["TCP_KEEPCNT"]
    assert asked_until <= 90, read
    assert 0 < read["TCP_USER_TIMEOUT"] <= 90_000, read


@pytest.mark.skipif(SECONDS < 60, reason="takes half a minute: set ROBUSTNESS_SECONDS=60")
async def test_who_dies_in_silence_is_forgotten(server: ServerProcess) -> None:
    """The kernel forgets a socket under repair when it is closed, and tells nobody."""
    watches = await gauge(server, WATCHES)
    watching = await crowd(server, 5, WATCH)
    try:
        for _, writer in watching:
            descriptor = os.dup(writer.get_extra_info("socket").fileno())
            with socket.socket(fileno=descriptor) as raw:
                raw.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    except PermissionError:
        pytest.skip("only an administrator may put sockets under repair")
    finally:
        leave(watching)
    assert await gauge(server, WATCHES) == watches + 5
    assert await until(server, WATCHES, lambda found: found == watches, 100) == watches


def test_a_server_takes_all_the_files_that_it_may_have(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))
    try:
        with running_server(tmp_path, "--storage=memory://") as server:
            assert server.process is not None
            found, _ = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == hard or found > 100_000


async def test_a_server_that_has_no_file_left_goes_on_when_it_has_again(tmp_path: Path) -> None:
    room_for(1000)
    with running_server(tmp_path) as server:
        assert server.process is not None
        guest = Api.at(server.url)
        await make(guest, "here-before", 10)
        limit = files_of(server) + 50
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        address = (guest.host, guest.port)
        crowding = [await _tcp(address) for _ in range(100)]
        # Who is in is served, and what is written is kept.
        for number in range(20):
            await change(guest, "here-before", number)
        for writer in crowding:
            writer.transport.abort()
        late = Api.at(server.url)
        async with asyncio.timeout(10):
            while True:
                try:
                    assert (await late.send("GET", f"{COLLECTION}/here-before")).status == 200
                    break
                except (Broken, NotSent):
                    await asyncio.sleep(0.05)
        late.close()
        guest.close()
        assert "Traceback" not in server.log, server.log


async def _tcp(address: tuple[str, int]) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection(*address)
    return writer


async def test_who_reads_no_answer_is_dropped(hasty: ServerProcess) -> None:
    api = Api.at(hasty.url)
    for number in range(8):
        await make(api, f"large-{number}", 900_000)
    before, dropped = memory_of(hasty), 0
    async with asyncio.timeout(30), asyncio.TaskGroup() as slow:
        for _ in range(10):
            slow.create_task(_read_nothing_until_the_end(hasty, COLLECTION))
        await asyncio.sleep(0.3)
        dropped = 10
        grown = memory_of(hasty) - before
        assert (await api.send("GET", "/version")).status == 200
    log.info("%d clients that do not read 7 MB: %.0f KiB each", dropped, grown / dropped)
    assert grown / dropped < 2048
    assert await until(hasty, OPEN, lambda found: found <= 3) <= 3
    for number in range(8):
        await api.send("DELETE", f"{COLLECTION}/large-{number}")
    api.close()


async def _read_nothing_until_the_end(server: ServerProcess, path: str) -> None:
    async with raw_connection(server, receives=4096) as (reader, writer):
        writer.write(request("GET", path))
        await writer.drain()
        raw: asyncio.Transport = writer.transport
        raw.pause_reading()
        await _gone(server, writer)
        raw.resume_reading()
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await reader.readexactly(100 * MIB)


async def _gone(server: ServerProcess, writer: asyncio.StreamWriter) -> None:
    """Return when the server has dropped a connection, as the kernel tells."""
    port = writer.get_extra_info("sockname")[1]
    there = f":{port:04X}"
    while any(
        line.split()[2].endswith(there) and line.split()[3] == "01"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
    ):
        await asyncio.sleep(0.05)


async def test_who_reads_no_events_is_dropped_without_harm_to_others(hasty: ServerProcess) -> None:
    """While it does not read, others are told every change, and memory does not grow with them."""
    api = Api.at(hasty.url)
    await make(api, "changing", 50_000)
    watches = await gauge(hasty, WATCHES)
    told: list[str] = []

    async def listen() -> None:
        async with aclosing(Api.at(hasty.url).watch(WATCH)) as events:
            async for event in events:
                told.append(event["object"]["metadata"]["labels"]["number"])
                if told[-1] == "199":
                    return

    await change(api, "changing", 0)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(listen())
        for _ in range(5):
            tasks.create_task(_read_nothing_until_the_end(hasty, WATCH))
        await until(hasty, WATCHES, lambda found: found == watches + 6)
        before = memory_of(hasty)
        async with measured(hasty.url, "/version") as others:
            for number in range(1, 200):
                await change(api, "changing", number)
            await listening
        grown = memory_of(hasty) - before
    log.info("10 MB of events to five who do not read: %.0f KiB more; others %s", grown, others)
    assert [int(each) for each in told] == list(range(int(told[0]), 200))
    assert await until(hasty, WATCHES, lambda found: found <= watches) <= watches
    api.close()


async def test_a_head_that_comes_a_byte_at_a_time_is_not_waited_for(hasty: ServerProcess) -> None:
    loop = asyncio.get_running_loop()
    async with raw_connection(hasty) as (reader, writer):
        writer.write(b"GET /version HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        begun = loop.time()
        async with asyncio.timeout(10):
            while not reader.at_eof():
                writer.write(b"x")
                try:
                    await asyncio.wait_for(reader.read(100), 0.1)
                except TimeoutError:
                    continue
                except OSError:
                    break
    assert 0.5 < loop.time() - begun < 5


async def test_who_says_nothing_is_let_go(hasty: ServerProcess) -> None:
    async with raw_connection(hasty) as (reader, _), asyncio.timeout(10):
        assert await reader.read() == b""
    async with raw_connection(hasty) as (reader, writer), asyncio.timeout(10):
        writer.write(request("GET", "/version"))
        assert (await read_answer(reader)).status == 200
        assert await reader.read() == b""


async def test_a_body_that_comes_a_byte_at_a_time_is_not_waited_for(
    server: ServerProcess, api: Api
) -> None:
    head = (
        f"POST {COLLECTION}?timeout=500ms HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer admin-token"
        "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    async with raw_connection(server) as (reader, writer), asyncio.timeout(20):
        writer.write(head.encode())
        answering = asyncio.create_task(read_answer(reader))
        while not answering.done():
            writer.write(b" ")
            await asyncio.sleep(0.05)
        assert (await answering).status == 504
    assert (await api.send("GET", "/version")).status == 200


async def test_requests_in_a_row_are_answered_in_their_order(server: ServerProcess) -> None:
    names = [f"none-{number}" for number in range(500)]
    async with raw_connection(server) as (reader, writer), asyncio.timeout(20):
        writer.write(b"".join(request("GET", f"{COLLECTION}/{name}") for name in names))
        for name in names:
            answer = await read_answer(reader)
            assert answer.json["details"]["name"] == name


async def test_requests_in_a_row_whose_answers_nobody_reads_are_not_kept(
    server: ServerProcess, api: Api
) -> None:
    """The server stops reading them: what it has not read costs it nothing."""
    before, sent = memory_of(server), 0
    many = request("GET", "/openapi/v2", headers="X-Filler: " + "x" * 10_000 + "\r\n") * 100
    async with raw_connection(server, receives=4096) as (_, writer):
        raw: asyncio.Transport = writer.transport
        raw.pause_reading()
        while sent < 200 * MIB:
            writer.write(many)
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                break
            sent += len(many)
        grown = memory_of(server) - before
        assert (await api.send("GET", "/version")).status == 200
    log.info("%.1f MB of requests were taken, for %.0f KiB", sent / MIB, grown)
    assert sent < 100 * MIB
    assert grown < 100 * 1024


async def test_a_client_that_only_listens_from_now_on_leaves_nothing(server: ServerProcess) -> None:
    """It closes its side, in TLS or below it, while its watch is open or its request on its way."""
    watches, connections = await gauge(server, WATCHES), await gauge(server, OPEN)
    for path in (WATCH, COLLECTION):
        for tells_tls in (False, True):
            async with raw_connection(server) as (reader, writer), asyncio.timeout(10):
                writer.write(request("GET", path))
                await read_head(reader)
                if tells_tls:
                    writer.close()
                else:
                    descriptor = writer.get_extra_info("socket").fileno()
                    with socket.socket(fileno=os.dup(descriptor)) as raw:
                        raw.shutdown(socket.SHUT_WR)
                assert await until(server, WATCHES, lambda found: found <= watches, 5) <= watches
    assert await until(server, OPEN, lambda found: found <= connections, 5) <= connections


async def test_writes_whose_clients_have_gone_are_made_whole_or_not_at_all(
    server: ServerProcess, api: Api
) -> None:
    for number in range(20):
        document = {"metadata": {"name": f"left-{number}"}, "data": {"text": "x" * 100_000}}
        async with raw_connection(server) as (_, writer):
            data = request("POST", COLLECTION, document)
            writer.write(data if number % 2 else data[: len(data) // 2])
            await writer.drain()
    await until(server, OPEN, lambda found: found <= 2)
    answer = await api.send("GET", COLLECTION)
    kept = [each for each in answer.json["items"] if each["metadata"]["name"].startswith("left-")]
    assert all(len(each["data"]["text"]) == 100_000 for each in kept)
    assert {int(each["metadata"]["name"][5:]) % 2 for each in kept} <= {1}
