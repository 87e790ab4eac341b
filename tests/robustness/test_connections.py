"""Connections: very many, idle, half closed or abandoned; none affects the others."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from apiserver.server.config_loading import load_config
from apiserver.server.listening import bind_socket
from tests.robustness.servers.collection import Collection, collection_on
from tests.robustness.servers.crowd import (
    CONNECTIONS,
    MIB,
    OPEN,
    WATCHES,
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
    Api,
    Broken,
    NotSent,
    read_answer,
    read_head,
    request,
)
from tests.robustness.servers.probe import measured
from tests.server_process import ServerProcess, running_server
from tests.waiting import PATIENCE, eventually

log = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(300 + CONNECTIONS / 20)

_TCP_REPAIR = 19


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("server"), "--storage=memory://") as started:
        yield started
        assert "Traceback" not in started.log, started.log


@pytest.fixture
async def collection(server: ServerProcess) -> AsyncIterator[Collection]:
    async with collection_on(server) as collection:
        yield collection


async def test_idle_connections_and_watches_are_many_and_leave_nothing(
    collection: Collection,
) -> None:
    server, api = collection.server, collection.api
    count = room_for(2 * CONNECTIONS) // 2
    watches, files = await gauge(api, WATCHES), files_of(server)
    before = memory_of(server)
    idle = await crowd(server, count)
    between = memory_of(server)
    watching = await crowd(server, count, collection.watch)
    after = memory_of(server)
    log.info("%d idle connections: %.1f KiB each; %d idle watches: %.1f KiB each", count,
             (between - before) / count, count, (after - between) / count)  # fmt: skip
    assert await gauge(api, WATCHES) == watches + count
    async with asyncio.timeout(PATIENCE), measured(server.url, "/version") as others:
        await collection.make("seen-by-all", 10)
        for reader, _ in watching:
            await reader.readuntil(b"seen-by-all")
    log.info("others meanwhile: %s", others)

    leave(idle)
    leave(watching, reset=True)
    assert await until(api, WATCHES, lambda found: found == watches) == watches
    assert await until(api, OPEN, lambda found: found <= 1) <= 1
    assert files_of(server) <= files + 3


async def test_who_vanishes_from_an_idle_watch_is_forgotten(collection: Collection) -> None:
    server, api = collection.server, collection.api
    watches = await gauge(api, WATCHES)
    memory = [memory_of(server)]
    # What is kept of every watch is kept in every round; what else grows does so in some.
    for _ in range(30):
        watching = await crowd(server, 100, collection.watch)
        assert await gauge(api, WATCHES) == watches + 100
        leave(watching[:50], reset=True)
        leave(watching[50:])
        assert await until(api, WATCHES, lambda found: found == watches) == watches
        memory.append(memory_of(server))
        if memory[-1] - memory[-2] < 100 * 10:
            break
    log.info("KiB after every 100 watches that vanished: %s", memory)
    assert memory[-1] - memory[-2] < 100 * 10


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


@pytest.mark.robustness
async def test_who_dies_in_silence_is_forgotten(collection: Collection) -> None:
    """The kernel forgets a socket under repair when it is closed, and tells nobody."""
    watches = await gauge(collection.api, WATCHES)
    watching = await crowd(collection.server, 5, collection.watch)
    try:
        for _, writer in watching:
            descriptor = os.dup(writer.get_extra_info("socket").fileno())
            with socket.socket(fileno=descriptor) as raw:
                raw.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    except PermissionError:
        pytest.skip("only an administrator may put sockets under repair")
    finally:
        leave(watching)
    assert await gauge(collection.api, WATCHES) == watches + 5
    assert await until(collection.api, WATCHES, lambda found: found == watches, 200) == watches


def test_a_server_takes_all_the_files_that_it_may_have(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))
    try:
        with running_server(tmp_path, "--storage=memory://", module="apiserver") as server:
            assert server.process is not None
            found, _ = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == hard or found > 100_000


async def test_a_server_that_has_no_file_left_goes_on_when_it_has_again(tmp_path: Path) -> None:
    room_for(1000)
    with running_server(tmp_path) as server:
        assert server.process is not None
        async with collection_on(server) as collection:
            await collection.make("here-before", 10)
            limit = files_of(server) + 50
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
            crowding = [await _tcp((collection.api.host, collection.api.port)) for _ in range(100)]
            # Who is in is served, and what is written is kept.
            for number in range(20):
                await collection.change("here-before", number)
            for writer in crowding:
                writer.transport.abort()
            late = Api.at(server.url)

            async def is_served() -> bool:
                try:
                    answer = await late.send("GET", f"{collection.path}/here-before")
                except (Broken, NotSent):
                    return False
                return answer.status == 200

            await eventually(is_served)
            late.close()
        assert "Traceback" not in server.log, server.log


async def _tcp(address: tuple[str, int]) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection(*address)
    return writer


async def test_a_body_that_comes_a_byte_at_a_time_is_not_waited_for(collection: Collection) -> None:
    head = (
        f"POST {collection.path}?timeout=500ms HTTP/1.1\r\nHost: a\r\n"
        "Authorization: Bearer admin-token"
        "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    async with raw_connection(collection.server) as (reader, writer), asyncio.timeout(PATIENCE):
        writer.write(head.encode())
        answering = asyncio.create_task(read_answer(reader))

        def is_answered() -> bool:
            writer.write(b" ")
            return answering.done()

        await eventually(is_answered)
        assert (await answering).status == 504
    assert (await collection.api.send("GET", "/version")).status == 200


async def test_requests_in_a_row_are_answered_in_their_order(collection: Collection) -> None:
    names = [f"none-{number}" for number in range(500)]
    async with raw_connection(collection.server) as (reader, writer), asyncio.timeout(PATIENCE):
        writer.write(b"".join(request("GET", f"{collection.path}/{name}") for name in names))
        for name in names:
            answer = await read_answer(reader)
            assert answer.json["details"]["name"] == name


async def test_requests_in_a_row_whose_answers_nobody_reads_are_not_kept(
    collection: Collection,
) -> None:
    """The server stops reading them: what it has not read costs it nothing."""
    before, sent = memory_of(collection.server), 0
    many = request("GET", "/openapi/v2", headers="X-Filler: " + "x" * 10_000 + "\r\n") * 100
    async with raw_connection(collection.server, receives=4096) as (_, writer):
        raw: asyncio.Transport = writer.transport
        raw.pause_reading()
        while sent < 200 * MIB:
            writer.write(many)
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                break
            sent += len(many)
        grown = memory_of(collection.server) - before
        assert (await collection.api.send("GET", "/version")).status == 200
    log.info("%.1f MB of requests were taken, for %.0f KiB", sent / MIB, grown)
    assert sent < 100 * MIB
    assert grown < 100 * 1024


async def test_a_client_that_only_listens_from_now_on_leaves_nothing(
    collection: Collection,
) -> None:
    """It closes its side, in TLS or below it, while its watch is open or its request on its way."""
    api = collection.api
    watches, connections = await gauge(api, WATCHES), await gauge(api, OPEN)
    for path in (collection.watch, collection.path):
        for tells_tls in (False, True):
            async with (
                raw_connection(collection.server) as (reader, writer),
                asyncio.timeout(PATIENCE),
            ):
                writer.write(request("GET", path))
                await read_head(reader)
                if tells_tls:
                    writer.close()
                else:
                    descriptor = writer.get_extra_info("socket").fileno()
                    with socket.socket(fileno=os.dup(descriptor)) as raw:
                        raw.shutdown(socket.SHUT_WR)
                assert await until(api, WATCHES, lambda found: found <= watches) <= watches
    assert await until(api, OPEN, lambda found: found <= connections) <= connections


async def test_writes_whose_clients_have_gone_are_made_whole_or_not_at_all(
    collection: Collection,
) -> None:
    connections = await gauge(collection.api, OPEN)
    for number in range(20):
        document = {"metadata": {"name": f"left-{number}"}, "data": {"text": "x" * 100_000}}
        async with raw_connection(collection.server) as (_, writer):
            data = request("POST", collection.path, document)
            writer.write(data if number % 2 else data[: len(data) // 2])
            await writer.drain()
    await until(collection.api, OPEN, lambda found: found <= connections)
    answer = await collection.api.send("GET", collection.path)
    kept = [each for each in answer.json["items"] if each["metadata"]["name"].startswith("left-")]
    assert all(len(each["data"]["text"]) == 100_000 for each in kept)
    assert {int(each["metadata"]["name"][5:]) % 2 for each in kept} <= {1}
