"""A scripted etcd, which records its requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
import grpc.aio  # type: ignore[import-untyped, unused-ignore]

from storage.etcd import rpc


class FakeEtcd:
    """The services of etcd, as far as a test scripts them."""

    def __init__(self, version: str = "3.5.21") -> None:
        self.version = version
        self.revision = 10
        #: What transactions are answered with, one after the other; an exception aborts the call.
        self.changes: list[rpc.TxnResponse | tuple[grpc.StatusCode, str]] = []
        self.asked: list[str] = []
        self.progress_requests = 0
        self.endpoint = ""
        self._streams: list[asyncio.Queue[rpc.WatchResponse]] = []

    def send(self, answer: rpc.WatchResponse) -> None:
        """Send something to every watcher."""
        for stream in self._streams:
            stream.put_nowait(answer)

    async def range(self, request: rpc.RangeRequest, context: Any) -> rpc.RangeResponse:
        self.asked.append("range")
        if request.revision > self.revision:
            await context.abort(
                grpc.StatusCode.OUT_OF_RANGE,
                "etcdserver: mvcc: required revision is a future revision",
            )
        return rpc.RangeResponse(header=rpc.ResponseHeader(revision=self.revision))

    async def change(self, request: rpc.TxnRequest, context: Any) -> rpc.TxnResponse:
        self.asked.append("txn")
        answer = self.changes.pop(0)
        if isinstance(answer, rpc.TxnResponse):
            return answer
        await context.abort(*answer)
        raise AssertionError("an aborted call does not return")

    async def status(self, request: rpc.StatusRequest, context: Any) -> rpc.StatusResponse:
        return rpc.StatusResponse(version=self.version)

    async def watch(
        self, requests: AsyncIterator[rpc.WatchRequest], context: Any
    ) -> AsyncIterator[rpc.WatchResponse]:
        stream: asyncio.Queue[rpc.WatchResponse] = asyncio.Queue()
        self._streams.append(stream)
        await anext(requests)
        yield rpc.WatchResponse(header=rpc.ResponseHeader(revision=self.revision), created=True)

        async def read() -> None:
            async for _ in requests:
                self.progress_requests += 1
                stream.put_nowait(
                    rpc.WatchResponse(header=rpc.ResponseHeader(revision=self.revision))
                )

        reading = asyncio.create_task(read())
        try:
            while True:
                yield await stream.get()
        finally:
            reading.cancel()


@asynccontextmanager
async def serving(etcd: FakeEtcd) -> AsyncIterator[FakeEtcd]:
    """Serve a scripted etcd."""

    def unary(method: Callable[..., Any], request: Any) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(
            method,
            request_deserializer=request.FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )

    stream = grpc.stream_stream_rpc_method_handler(
        etcd.watch,
        request_deserializer=rpc.WatchRequest.FromString,
        response_serializer=lambda answer: answer.SerializeToString(),
    )
    services = {
        "KV": {
            "Range": unary(etcd.range, rpc.RangeRequest),
            "Txn": unary(etcd.change, rpc.TxnRequest),
        },
        "Maintenance": {"Status": unary(etcd.status, rpc.StatusRequest)},
        "Watch": {"Watch": stream},
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(f"etcdserverpb.{name}", methods)
            for name, methods in services.items()
        ]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    etcd.endpoint = f"http://127.0.0.1:{port}"
    await server.start()
    try:
        yield etcd
    finally:
        await server.stop(None)
