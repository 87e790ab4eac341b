"""What an idle watch keeps in memory, TLS and the kernel aside."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from tests.unit.server.in_process import server_in_process

COUNT = 300
#: A connection takes two thirds of it; with all that the filters knew of the request it was 19,000.
MAX_BYTES = 15_000
WATCH = (
    b"GET /api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=3000&resourceVersion=1 "
    b"HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n"
    b"User-Agent: kubectl/v1.36.0\r\nAccept: application/json, */*\r\nAccept-Encoding: gzip\r\n\r\n"
)


async def test_a_stream_keeps_nothing_of_its_request(tmp_path: Path) -> None:
    async with server_in_process(tmp_path) as server:
        url = urlsplit(server.url)
        address = (str(url.hostname), int(url.port or 0))
        streams = server.server.router.streams

        def watch(stack: ExitStack, count: int) -> None:
            for _ in range(count):
                client = stack.enter_context(socket.create_connection(address))
                client.sendall(WATCH)
                assert client.recv(12) == b"HTTP/1.1 200"

        with ExitStack() as clients:
            await asyncio.to_thread(watch, clients, 100)
            gc.collect()
            tracemalloc.start()
            try:
                before, _ = tracemalloc.get_traced_memory()
                await asyncio.to_thread(watch, clients, COUNT)
                gc.collect()
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert len(streams) == COUNT + 100
            assert (after - before) / COUNT < MAX_BYTES
