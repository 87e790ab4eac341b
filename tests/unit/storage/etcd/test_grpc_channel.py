"""Calls of the gRPC client to a server of the gRPC library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
import grpc.aio  # type: ignore[import-untyped, unused-ignore]
import pytest

from storage.etcd.grpc_channel import GRPCChannel, TLSFiles
from storage.etcd.grpc_status import CallError, StatusCode
from tests.waiting import PATIENCE, eventually

LARGE = 9 * 1024 * 1024


class Service(grpc.GenericRpcHandler):  # type: ignore[misc, unused-ignore]
    """Answers calls as their first byte says."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.cancelled = asyncio.Event()

    def service(self, details: Any) -> Any:
        self.metadata = {each.key: each.value for each in details.invocation_metadata}
        if details.method.endswith("/Stream"):
            return grpc.stream_stream_rpc_method_handler(self.stream)
        return grpc.unary_unary_rpc_method_handler(self.call)

    async def call(self, request: bytes, context: Any) -> bytes:
        if request == b"refuse":
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "100 % wrong: \u00fc")
        if request == b"hang":
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        return request

    async def stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            if request == b"end":
                return
            for _ in range(3):
                yield request


Served = tuple[grpc.aio.Server, Service, GRPCChannel]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A server, its service, and a channel that is connected to it."""
    async with serving() as served:
        yield served


@asynccontextmanager
async def serving(*options: tuple[str, int]) -> AsyncIterator[Served]:
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server, service = grpc.aio.server(options=[*unlimited, *options]), Service()
    server.add_generic_rpc_handlers([service])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = GRPCChannel(f"http://127.0.0.1:{port}", TLSFiles(), {"hasleader": "true"})
    await eventually(lambda: channel.ready)
    yield server, service, channel
    await channel.close()
    await server.stop(None)


async def test_requests_of_any_size_are_answered(served: Served) -> None:
    _, service, channel = served
    for request in (b"", b"x", bytes(LARGE)):
        assert await channel.call("KV/Range", request, PATIENCE) == request
    assert service.metadata["hasleader"] == "true"
    requests = [bytes([number]) * 100_000 for number in range(50)]
    calls = [channel.call("KV/Range", request, PATIENCE) for request in requests]
    assert await asyncio.gather(*calls) == requests


async def test_a_refusal_has_its_code_and_details(served: Served) -> None:
    *_, channel = served
    with pytest.raises(CallError) as refused:
        await channel.call("KV/Range", b"refuse", PATIENCE)
    assert (refused.value.code, refused.value.details) == (
        StatusCode.OUT_OF_RANGE, "100 % wrong: \u00fc"
    )  # fmt: skip


async def test_a_call_without_an_answer_expires(served: Served) -> None:
    _, service, channel = served
    timeout = 0.01
    # On a busy machine the first calls may expire before the server has begun with them.
    while not service.cancelled.is_set():
        with pytest.raises(CallError) as expired:
            await channel.call("KV/Range", b"hang", timeout)
        assert expired.value.code is StatusCode.DEADLINE_EXCEEDED
        timeout *= 2
    assert await channel.call("KV/Range", b"next", PATIENCE) == b"next"


async def test_a_cancelled_call_is_cancelled_at_the_server(served: Served) -> None:
    _, service, channel = served
    call = asyncio.create_task(channel.call("KV/Range", b"hang", PATIENCE))
    await channel.call("KV/Range", b"x", PATIENCE)
    call.cancel()
    async with asyncio.timeout(PATIENCE):
        await service.cancelled.wait()
    assert call.cancelled()


async def test_messages_of_a_stream_arrive_in_order(served: Served) -> None:
    *_, channel = served
    stream = channel.stream("Watch/Stream")
    requests = [b"a", b"", bytes(LARGE), b"b"]
    for request in requests:
        stream.write(request)
    async with asyncio.timeout(PATIENCE):
        for request in requests:
            for _ in range(3):
                assert await stream.read() == request
        stream.write(b"end")
        with pytest.raises(CallError, match="ended the stream"):
            await stream.read()
    with pytest.raises(CallError):
        stream.write(b"x")


async def test_a_server_that_stops_fails_its_calls_and_is_connected_to_again(
    served: Served,
) -> None:
    server, _, channel = served
    call = asyncio.create_task(channel.call("KV/Range", b"hang", PATIENCE))
    await channel.call("KV/Range", b"x", PATIENCE)
    await server.stop(None)
    with pytest.raises(CallError) as failed:
        await call
    assert failed.value.code in (StatusCode.UNAVAILABLE, StatusCode.CANCELLED)
    await eventually(lambda: not channel.ready)
    with pytest.raises(CallError, match="UNAVAILABLE"):
        await channel.call("KV/Range", b"x", PATIENCE)


async def test_a_connection_with_all_its_streams_is_followed_by_another() -> None:
    """What is on the old one goes on; with its last stream it is closed."""
    async with serving(("grpc.max_concurrent_streams", 1)) as (_, _, channel):
        (first,) = channel._open
        stream = channel.stream("Watch/Stream")
        await eventually(lambda: channel.ready)
        assert await channel.call("KV/Range", b"x", PATIENCE) == b"x"
        stream.write(b"y")
        assert await stream.read() == b"y"
        assert not first.closed
        stream.write(b"end")
        assert [await stream.read() for _ in range(2)] == [b"y", b"y"]
        with pytest.raises(CallError, match="ended the stream"):
            await stream.read()
        await eventually(lambda: first.closed)
        assert await channel.call("KV/Range", b"z", PATIENCE) == b"z"
        assert first not in channel._open


async def test_an_unknown_method_is_unimplemented() -> None:
    bare = grpc.aio.server()
    port = bare.add_insecure_port("127.0.0.1:0")
    await bare.start()
    other = GRPCChannel(f"127.0.0.1:{port}", TLSFiles(), {})
    await eventually(lambda: other.ready)
    with pytest.raises(CallError) as refused:
        await other.call("KV/Nothing", b"", PATIENCE)
    assert refused.value.code is StatusCode.UNIMPLEMENTED
    await other.close()
    await bare.stop(None)


@pytest.mark.parametrize("endpoint", ["ftp://a:1", "http://", "https://:2379"])
def test_other_urls_are_no_endpoints(endpoint: str) -> None:
    with pytest.raises(ValueError, match="not an etcd endpoint"):
        GRPCChannel(endpoint, TLSFiles(), {})


async def test_what_does_not_speak_http2_is_not_ready() -> None:
    def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    channel = GRPCChannel(f"127.0.0.1:{port}", TLSFiles(), {})
    await eventually(lambda: not channel.ready and bool(channel.failure))
    await channel.close()
    server.close()
