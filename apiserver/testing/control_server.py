"""The server's end of the control channel: a socket in a private directory, and a token.

Requests and replies are lines of JSON:

    {"token": "...", "call": "reset", "arguments": {"snapshot": 1}}
    {"result": ...}    or    {"error": "..."}

Only a server for tests has such a socket.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final, TypeAlias

#: An operation: takes arguments by name, returns what JSON can hold.
Operation: TypeAlias = Callable[..., Awaitable[Any]]

#: The longest request, in bytes.
LIMIT: Final = 8 * 1024 * 1024

log = logging.getLogger(__name__)


class ControlServer:
    """Serves operations to clients with the token."""

    def __init__(self, operations: Mapping[str, Operation], token: str) -> None:
        self._operations = operations
        self._token = token
        self._connections: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Serve on a Unix socket while the block runs."""
        server = await asyncio.start_unix_server(self._connected, path, limit=LIMIT)
        try:
            yield
        finally:
            server.close()
            for task in self._connections:
                task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._reply(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            log.debug("control connection: %s", error)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _reply(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not compare_digest(str(request["token"]).encode(), self._token.encode()):
                return {"error": "the token is wrong"}
            name = request["call"]
            if name not in self._operations:
                return {"error": f"there is no operation {name}"}
            operation = self._operations[name]
            return {"result": await operation(**request.get("arguments", {}))}
        except Exception as error:  # noqa: BLE001 - the caller gets it as an exception
            log.info("control call failed: %s: %s", type(error).__name__, error)
            return {"error": f"{type(error).__name__}: {error}"}
