"""A TCP proxy between a client and a server, which can lose data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CHUNK = 1 << 16


class Proxy:
    """Passes bytes on, unless told to lose what goes one way, and breaks connections off."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0
        #: Lose what clients send, from now on.
        self.loses_requests = False
        #: Lose what the server answers, from now on.
        self.loses_answers = False
        #: What of that was lost.
        self.lost = bytearray()

    @property
    def endpoint(self) -> str:
        """Where clients connect to."""
        return f"http://127.0.0.1:{self.port}"

    def heal(self) -> None:
        """Pass everything on again."""
        self.loses_requests = self.loses_answers = False

    def cut(self) -> None:
        """Break every connection off; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """Break everything off, and wait until it is."""
        self.cut()
        if self._serving:
            await asyncio.wait(self._serving)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        requests = asyncio.create_task(self._pass(reader, back, answers=False))
        answers = asyncio.create_task(self._pass(there, writer, answers=True))
        try:
            await asyncio.wait([requests, answers], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (requests, answers):
                task.cancel()
            self._writers -= {writer, back}
            writer.transport.abort()
            back.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self.loses_answers if answers else self.loses_requests:
                    self.lost += data
                    continue
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def proxied(port: int) -> AsyncIterator[Proxy]:
    """Yield a proxy before a server on a local port."""
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
