"""Proxied connections that switch protocols, fail, or carry much data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.server_process import running_server
from tests.waiting import PATIENCE, eventually
from tests.wire.backend import PIECE, Backend
from tests.wire.conftest import Answer, Api
from tests.wire.proxied import Proxied

ADMIN = {"Authorization": "Bearer admin-token"}
MANY = 1600  # pieces, which are 100 MiB


async def test_websockets_pass(api: Api, proxied: Proxied) -> None:
    async with api.session.ws_connect(
        api.url + proxied.service("/talk"), headers=ADMIN, max_msg_size=0
    ) as connection:
        for word in (b"hello", b"x" * 5_000_000, b""):
            await connection.send_bytes(word)
            assert await connection.receive_bytes() == word


async def test_what_is_sent_at_once_with_an_upgrade_arrives(api: Api, proxied: Proxied) -> None:
    connector = api.session.connector
    assert isinstance(connector, aiohttp.TCPConnector)
    host, _, port = api.url.removeprefix("https://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=connector._ssl)
    frame = b"\x82\x85\x00\x00\x00\x00hello"
    head = (
        f"GET {proxied.service('/talk')} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer admin-token\r\n\r\n"
    )
    writer.write(head.encode() + frame)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    assert await asyncio.wait_for(reader.readexactly(7), PATIENCE) == b"\x82\x05hello"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/echo", 500, '"invalid upgrade response: status code 200"'),
        ("/refused", 403, "not for you"),
        ("/cut", 500, '"error dialing backend: unexpected EOF"'),
    ],
)
async def test_an_upgrade_may_be_refused(
    api: Api, proxied: Proxied, path: str, status: int, text: str
) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    answer = await api.send("GET", proxied.service(path), headers=upgrade)
    assert answer.status == status
    assert text in answer.text
    assert (await api.get("/readyz")).status == 200


async def test_a_backend_that_fails_is_unavailable(
    api: Api, proxied: Proxied, backend: Backend
) -> None:
    def refusal(answer: Answer) -> tuple[int, str, str]:
        return answer.status, answer.json["reason"], answer.json["message"]

    unavailable = (503, "ServiceUnavailable")
    assert refusal(await api.get(proxied.service("/cut"))) == (
        *unavailable,
        "error trying to reach service: EOF",
    )
    await proxied.serve("closed", 9, "p")
    assert refusal(await api.get(proxied.service("/", "closed:http"))) == (
        *unavailable,
        f"error trying to reach service: dial tcp {backend.address}:9: connect: connection refused",
    )
    await proxied.serve("unready", backend.port, "p", ready=False)
    assert refusal(await api.get(proxied.service("/", "unready:http"))) == (
        *unavailable,
        'no endpoints available for service "unready:http"',
    )
    await proxied.serve("foreign", backend.port, "missing")
    assert refusal(await api.get(proxied.service("/", "foreign:http"))) == (
        *unavailable,
        'no endpoints available for service "foreign:http"',
    )


async def test_a_client_that_waits_is_told_to_send_its_content(api: Api, proxied: Proxied) -> None:
    host, _, port = api.url.removeprefix("https://").rpartition(":")
    connector = api.session.connector
    assert isinstance(connector, aiohttp.TCPConnector)
    reader, writer = await asyncio.open_connection(host, int(port), ssl=connector._ssl)
    head = (
        f"PUT {proxied.service('/x')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Content-Length: 4\r\nExpect: 100-continue\r\nAuthorization: Bearer admin-token\r\n\r\n"
    )
    writer.write(head.encode())
    told = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"what")
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"size": 4' in answer


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_backend_is_not_asked_for_a_client_that_has_left(
    api: Api, proxied: Proxied, method: str
) -> None:
    async def waiting() -> str:
        return (await api.get(proxied.service("/waiting"))).text

    async def one_waits() -> bool:
        return await waiting() == "1"

    async def none_waits() -> bool:
        return await waiting() == "0"

    asking = asyncio.create_task(api.send(method, proxied.service("/wait")))
    await eventually(one_waits)
    asking.cancel()
    await eventually(none_waits)


async def test_large_content_passes_in_constant_memory(
    tmp_path: Path, backend: Backend, trusting: Any
) -> None:
    with running_server(tmp_path, "--storage=memory://") as server:
        assert server.process is not None
        connector = aiohttp.TCPConnector(ssl=trusting)
        async with aiohttp.ClientSession(connector=connector) as session:
            api = Api(session, server.url, "admin-token")
            account = {"apiVersion": "v1", "kind": "ServiceAccount"}
            document = {**account, "metadata": {"name": "default"}}
            await api.post("/api/v1/namespaces/default/serviceaccounts", document)
            proxied = Proxied(api, "default", backend)
            await proxied.make()
            await api.get(proxied.service("/many?pieces=20"))
            before = resident(server.process.pid)

            async def pieces() -> AsyncIterator[bytes]:
                for _ in range(MANY):
                    yield PIECE

            async with session.put(
                server.url + proxied.service("/echo"), data=pieces(), headers=ADMIN
            ) as response:
                assert (await response.json())["size"] == MANY * len(PIECE)
            got = 0
            async with session.get(
                server.url + proxied.service(f"/many?pieces={MANY}"), headers=ADMIN
            ) as response:
                async for piece in response.content.iter_any():
                    got += len(piece)
            assert got == MANY * len(PIECE)
            assert resident(server.process.pid) - before < 32 << 20


def resident(pid: int) -> int:
    """Return the largest memory that a process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
