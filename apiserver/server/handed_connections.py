"""HandedConnections: the connections that a worker gets from its parent."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

from apiserver.server.worker_channel import (
    ACCEPTS,
    CLOSED,
    CONNECTION,
    RECEIVED,
    REFUSES,
    receive,
)

# No connections are received for so many seconds when few file descriptors are left.
_PAUSE_SECONDS: Final = 1.0
_RESERVED: Final = 32
# So long a worker that stops waits for TLS handshakes that have begun.
_HANDSHAKE_SECONDS: Final = 0.25

log = logging.getLogger(__name__)


class _Connection(socket.socket):
    """A socket that counts its end once."""

    __slots__ = ("_counts",)

    def __init__(self, file: int, counts: memoryview) -> None:
        super().__init__(fileno=file)
        self._counts = counts
        self.settimeout(0)

    def close(self) -> None:
        self._count()
        super().close()

    # The transports of uvloop detach their socket instead of closing it.
    def detach(self) -> int:
        self._count()
        return super().detach()

    def _count(self) -> None:
        if self.fileno() >= 0:
            self._counts[CLOSED] += 1


class HandedConnections:
    """The connections that come over a channel, from the `ConnectionSharing` of the parent.

    ``port`` is where the parent listens, ``parent_ended`` is called when the parent has ended.
    """

    def __init__(
        self,
        channel: socket.socket,
        counts: memoryview,
        port: int,
        parent_ended: Callable[[], object],
    ) -> None:
        self.port = port
        self._channel = channel
        self._counts = counts
        self._parent_ended = parent_ended
        self._loop = asyncio.get_running_loop()
        self._connect: Callable[[], asyncio.BaseProtocol] | None = None
        self._tls: ssl.SSLContext | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        self._resuming: asyncio.TimerHandle | None = None
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._most_files = sys.maxsize if limit == resource.RLIM_INFINITY else limit - _RESERVED
        self._loop.add_reader(channel.fileno(), self._receive)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    async def open(self, connect: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext) -> None:
        """Serve connections with the protocols that ``connect`` returns."""
        self._connect, self._tls = connect, tls
        self._say(ACCEPTS)

    async def stop(self) -> None:
        """Receive no more connections; return when handshakes have had time to end."""
        self._close()
        if self._handshakes:
            await asyncio.wait(self._handshakes, timeout=_HANDSHAKE_SECONDS)

    def _close(self) -> None:
        if self._channel.fileno() < 0:
            return
        self._loop.remove_reader(self._channel.fileno())
        if self._resuming is not None:
            self._resuming.cancel()
        self._say(REFUSES)
        self._channel.close()

    def _receive(self) -> None:
        """Receive one message. While there are more the event loop calls this again."""
        try:
            message, file = receive(self._channel)
        except BlockingIOError:
            # The parent has taken it back.
            return
        if not message:
            self._loop.remove_reader(self._channel.fileno())
            self._parent_ended()
            return
        self._counts[RECEIVED] += 1
        if file is not None:
            self._serve(_Connection(file, self._counts))
        else:
            self._counts[CLOSED] += 1
        if message != CONNECTION:
            self._say(ACCEPTS)
        elif file is None or file >= self._most_files:
            self._pause()

    def _serve(self, connection: _Connection) -> None:
        task = self._loop.create_task(self._handshake(connection), name="handshake")
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _handshake(self, connection: _Connection) -> None:
        assert self._connect is not None
        try:
            await self._loop.connect_accepted_socket(self._connect, connection, ssl=self._tls)
        except OSError as error:
            log.debug("a connection ended in its TLS handshake: %s", error)
            connection.close()

    def _pause(self) -> None:
        """Pause receiving before the file descriptors run out."""
        log.warning("few file descriptors are left, no connections are accepted for the moment")
        self._loop.remove_reader(self._channel.fileno())
        self._say(REFUSES)
        self._resuming = self._loop.call_later(_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        self._loop.add_reader(self._channel.fileno(), self._receive)
        self._say(ACCEPTS)

    def _say(self, message: bytes) -> None:
        # Without its parent the worker stops anyway.
        with suppress(ConnectionError):
            self._channel.send(message)
