"""Malformed requests get short errors, and the server keeps running."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.waiting import PATIENCE
from tests.wire.conftest import Api

MIB = 1024 * 1024
HEAD = (
    "{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
    "Authorization: Bearer admin-token\r\n{more}\r\n"
)


class Wire:
    """A connection on which a test writes what no HTTP client would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes | str) -> None:
        """Send bytes as they are."""
        self.writer.write(data.encode() if isinstance(data, str) else data)
        await self.writer.drain()

    async def status(self) -> int:
        """Return the status of the answer, 0 when the connection ends without one."""
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readline()
        return int(line.split()[1]) if line else 0

    async def rest(self) -> bytes:
        """Return what comes until the connection ends."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()


@pytest.fixture
async def wire(address: tuple[str, int], trusting: ssl.SSLContext) -> AsyncIterator[Wire]:
    """A connection to the server."""
    async with connected(address, trusting) as opened:
        yield opened


@asynccontextmanager
async def connected(address: tuple[str, int], trusting: ssl.SSLContext) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection(*address, ssl=trusting)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def head(method: str, target: str, more: str = "") -> str:
    return HEAD.format(method=method, target=target, more=more)


async def test_an_old_client_watches_until_the_connection_ends(wire: Wire) -> None:
    await wire.send(
        "GET /api/v1/namespaces?watch=1&timeoutSeconds=1 HTTP/1.0\r\n"
        "Authorization: Bearer admin-token\r\n\r\n"
    )
    answer, _, events = (await wire.rest()).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 200 ")
    assert "default" in [
        json.loads(line)["object"]["metadata"]["name"] for line in events.splitlines()
    ]


NOT_HTTP = {
    "nothing that is HTTP": b"hello\r\n\r\n",
    "binary": bytes(range(256)) + b"\r\n\r\n",
    "a NUL in the path": b"GET /api\x00/v1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a NUL in a header": b"GET /version HTTP/1.1\r\nHost: a\r\nX-A: b\x00c\r\n\r\n",
    "a header without a name": b"GET /version HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    "no version that there is": b"GET /version HTTP/7.9\r\nHost: a\r\n\r\n",
    "two lengths": b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\nab",
    "a length that is none": b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    "a broken escape": b"GET /api/v1/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("case", list(NOT_HTTP))
async def test_what_is_not_http_is_a_bad_request(wire: Wire, case: str) -> None:
    await wire.send(NOT_HTTP[case])
    assert await wire.status() == 400
    assert (await wire.rest()) == (
        b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
    )


@pytest.mark.parametrize("rest", [b"/api/v1/%zz HTTP/1.1\r\nHost: a\r\n", b"/ HTTP/1.1\r\n: b\r\n"])
async def test_a_head_that_is_not_http_is_answered_without_a_body(wire: Wire, rest: bytes) -> None:
    await wire.send(b"HEAD " + rest + b"\r\n")
    assert await wire.status() == 400
    assert (await wire.rest()).endswith(b"Connection: close\r\n\r\n")


KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
VERSION = "Sec-WebSocket-Version: 13\r\n"
BAD_HANDSHAKES = {
    "no key": (VERSION, "mismatch challenge/response"),
    "a short key": (VERSION + "Sec-WebSocket-Key: abc\r\n", "mismatch challenge/response"),
    "a key of no ASCII": (VERSION + "Sec-WebSocket-Key: \xff\r\n", "mismatch challenge/response"),
    "no version": (KEY, "missing or bad WebSocket Version"),
    "an old version": (KEY + "Sec-WebSocket-Version: 8\r\n", "missing or bad WebSocket Version"),
    "two protocols": (
        KEY + VERSION + "Sec-WebSocket-Protocol: a, b\r\n",
        "missing or bad WebSocket-Protocol",
    ),
    "a protocol of no ASCII": (
        KEY + VERSION + "Sec-WebSocket-Protocol: \xff\r\n",
        "missing or bad WebSocket-Protocol",
    ),
}


@pytest.mark.parametrize("case", list(BAD_HANDSHAKES))
async def test_a_watch_over_a_websocket_begins_with_a_handshake(wire: Wire, case: str) -> None:
    headers, message = BAD_HANDSHAKES[case]
    upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nConnection: close\r\n"
    await wire.send(head("GET", "/api/v1/namespaces?watch=1", upgrade + headers).encode("latin-1"))
    assert await wire.status() == 400
    answer = await wire.rest()
    assert b"Sec-WebSocket-Version: 13\r\n" in answer
    assert answer.endswith(b"\r\n\r\n" + message.encode())


async def test_a_thousand_headers_are_read(wire: Wire) -> None:
    headers = "".join(f"X-Header-{number}: value\r\n" for number in range(1000))
    await wire.send(head("GET", "/version", headers))
    assert await wire.status() == 200


async def test_a_long_header_and_a_long_path_are_read(wire: Wire) -> None:
    await wire.send(head("GET", "/api/v1/namespaces/" + "x" * 60_000, f"X-A: {'y' * 60_000}\r\n"))
    assert await wire.status() == 404


async def test_headers_without_end_are_cut_off(wire: Wire) -> None:
    await wire.send("GET /version HTTP/1.1\r\nHost: a\r\n")
    line = f"X-Filler: {'z' * 8000}\r\n"
    try:
        for _ in range(4 * MIB // len(line)):
            await wire.send(line)
    except OSError:
        return
    assert await wire.status() in (0, 400, 431)


@pytest.mark.parametrize(
    "target", ["/api/v1/namespaces/a%2Fb", "/api/v1/namespaces/%00", "/%2e%2e"]
)
async def test_odd_paths_are_paths_of_nothing(wire: Wire, target: str) -> None:
    await wire.send(head("GET", target))
    assert await wire.status() == 404


@pytest.mark.parametrize("method", ["BREW", "OPTIONS", "TRACE"])
async def test_methods_that_nothing_offers_are_refused(api: Api, method: str) -> None:
    answer = await api.send(method, "/api/v1/namespaces")
    assert answer.status in (400, 405)


@pytest.mark.parametrize(
    "query",
    [
        "limit=many",
        "limit=99999999999999999999",
        "resourceVersion=x",
        "labelSelector=%3D%3D%3D",
        "fieldSelector=nonsense",
        "timeoutSeconds=1e9",
        "continue=rubbish",
    ],
)
async def test_absurd_query_values_are_the_clients_fault(api: Api, query: str) -> None:
    answer = await api.get(f"/api/v1/namespaces?{query}")
    assert answer.status in (400, 422), answer.text
    assert answer.json["kind"] == "Status"


async def test_more_parameters_than_anybody_needs_are_refused(api: Api) -> None:
    answer = await api.get("/api/v1/namespaces?" + "&".join(f"p{n}=1" for n in range(5000)))
    assert answer.status == 400


BODIES = {
    "cut short": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"na',
    "nothing": b"",
    "not an object": b'"text"',
    "nested too deeply": b'{"a":' * 100_000,
    "a NUL": b'{"kind":"ConfigMap\x00"}',
    "no UTF-8": b'{"metadata":{"name":"\xff\xfe"}}',
    "not the kind": b'{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}',
    "a list": b"[]",
}


@pytest.mark.parametrize("case", list(BODIES))
async def test_a_body_that_is_no_object_is_refused(api: Api, namespace: str, case: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    answer = await api.post(path, BODIES[case], Content_Type="application/json")
    assert answer.status in (400, 422), answer.text
    assert answer.json["status"] == "Failure"
    assert (await api.get(path)).json["items"] == []


@pytest.mark.parametrize("media_type", ["text/plain", "application/octet-stream", "image/png"])
async def test_bodies_in_other_formats_are_refused(
    api: Api, namespace: str, media_type: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    answer = await api.post(path, b"{}", Content_Type=media_type)
    assert (answer.status, answer.json["reason"]) == (415, "UnsupportedMediaType")


async def test_protobuf_that_is_none_is_refused(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for body in (b"k8s\x00\xff\xff\xff", b"rubbish", b"k8s\x00" + b"\x0a\xff\xff\xff\xff\x0f"):
        answer = await api.post(path, body, Content_Type="application/vnd.kubernetes.protobuf")
        assert answer.status == 400, answer.text


async def test_a_hundred_megabytes_are_too_many(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    answer = await api.post(path, b" " * (100 * MIB), Content_Type="application/json")
    assert (answer.status, answer.json["reason"]) == (413, "RequestEntityTooLarge")
    assert (await api.get("/readyz")).status == 200


async def test_a_hundred_megabytes_of_no_stated_length_are_too_many(
    wire: Wire, namespace: str
) -> None:
    target = f"/api/v1/namespaces/{namespace}/configmaps"
    await wire.send(head("POST", target, "Transfer-Encoding: chunked\r\n"))
    chunk = b"%x\r\n%s\r\n" % (MIB, b" " * MIB)
    for _ in range(100):
        try:
            await wire.send(chunk)
        except OSError:
            break
    assert await wire.status() == 413


async def test_a_body_that_breaks_off_stores_nothing(
    api: Api, address: tuple[str, int], trusting: ssl.SSLContext, namespace: str
) -> None:
    target = f"/api/v1/namespaces/{namespace}/configmaps"
    body = '{"metadata":{"name":"half"}}'
    more = f"Content-Type: application/json\r\nContent-Length: {len(body) + 10}\r\n"
    async with connected(address, trusting) as wire:
        await wire.send(head("POST", target, more) + body)
    assert (await api.get(target)).json["items"] == []


async def test_a_body_that_does_not_come_in_time_is_not_waited_for(
    wire: Wire, namespace: str
) -> None:
    target = f"/api/v1/namespaces/{namespace}/configmaps?timeout=50ms"
    more = "Content-Type: application/json\r\nContent-Length: 100\r\n"
    await wire.send(head("POST", target, more) + '{"metadata":')
    assert await wire.status() == 504
    async with asyncio.timeout(PATIENCE):
        head_of_answer = await wire.reader.readuntil(b"\r\n\r\n")
        status = await wire.reader.readline()
    assert b"application/json" in head_of_answer
    assert json.loads(status) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Timeout: request did not complete within requested timeout "
        "- context deadline exceeded",
        "reason": "Timeout",
        "details": {},
        "code": 504,
    }


async def test_who_expects_to_be_told_to_continue_is_told(wire: Wire, namespace: str) -> None:
    target = f"/api/v1/namespaces/{namespace}/configmaps"
    body = '{"metadata":{"name":"patient"}}'
    more = (
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n"
    )
    await wire.send(head("POST", target, more))
    assert await wire.status() == 100
    assert await wire.reader.readline() == b"\r\n"
    await wire.send(body)
    assert await wire.status() == 201


async def test_one_slow_client_keeps_nobody_waiting(
    api: Api, address: tuple[str, int], trusting: ssl.SSLContext
) -> None:
    async with connected(address, trusting) as slow:
        await slow.send("GET /version HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        assert (await api.get("/version")).status == 200
        await slow.send("yes\r\n\r\n")
        assert await slow.status() == 200


async def test_plain_http_on_the_port_is_no_reason_to_stop(
    api: Api, address: tuple[str, int]
) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await writer.drain()
    with suppress(OSError):
        await reader.read()
    writer.close()
    assert (await api.get("/version")).status == 200


async def test_a_path_that_ends_before_its_resource_is_not_understood(wire: Wire) -> None:
    await wire.send(
        HEAD.format(method="GET", target="/api/v1/watch?a=<&b", more="Connection: close\r\n")
    )
    head, _, body = (await wire.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"Content-Type: text/plain; charset=utf-8" in head
    target = "/api/v1/watch?a=&lt;&amp;b"
    assert body.decode() == (
        f'Internal Server Error: "{target}": failed to create RequestInfo: '
        f"unable to determine kind and namespace from url, {target}\n"
    )
