"""Events -> chunked responses or WebSocket frames, many watches at a time.

A watch that waits has no task to wake: when something is due for it, it stands in line with the
others, and one flush writes to all of them. An event is framed once for all watches that show it in
the same form, and what several watches of the same prefix are due is joined once. While the loop
is idle a flush follows at once; while flushes take their time the next one waits a little longer
than the last one took, so more events go out with each write and others get their turn.

A client that does not read is left alone until it does; its events wait in its watcher, which gives
up on it when there are too many.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final

from aiohttp import web

from apiserver.endpoints.exchange import Exchange
from apiserver.endpoints.frames import Framer, Frames, error_frame
from apiserver.endpoints.headers import complete
from apiserver.endpoints.negotiation import Representation
from apiserver.machinery.errors import StatusError
from apiserver.registry.turns import Turn, few_at_a_time
from apiserver.registry.watch import Watch

_SHORTEST, _LONGEST = 1800, 3600
#: How much may wait in a client's connection before nothing more is written to it, in bytes.
_HIGH_WATER: Final = 1024 * 1024
_RETRY: Final = 0.05
#: How much longer than a flush took the next one waits, and the most that it waits, in seconds.
_REST: Final = 5.0
_LONGEST_REST: Final = 0.02
_BOOKMARK_INTERVAL: Final = 60.0
_LAST_BOOKMARK: Final = 2.0
_MOST_SENDING: Final = 100

log = logging.getLogger(__name__)


class Streams:
    """The open watches of a server."""

    def __init__(self) -> None:
        self._open: set[_Stream] = set()
        self._due: dict[_Stream, None] = {}
        self._scheduled = False
        self._resting_until = 0.0
        self._stopping = False
        self._frames = Frames()

    def __len__(self) -> int:
        return len(self._open)

    def stop(self) -> None:
        """End every watch cleanly, and those that come now at once."""
        self._stopping = True
        for stream in list(self._open):
            stream.end()

    async def send(
        self, exchange: Exchange, representation: Representation, watch: Watch, seconds: int
    ) -> web.StreamResponse:
        """Stream events to the client until the time is up, it goes away or the server stops."""
        allowed = seconds if seconds > 0 else random.uniform(_SHORTEST, _LONGEST)  # noqa: S311
        framer = self._frames.framer(exchange, representation, watch)
        channel: _Channel = _Socket() if _is_upgrade(exchange) else _Chunks()
        response = await channel.open(exchange)
        stream = _Stream(self, watch, framer, channel)
        self._open.add(stream)
        try:
            async with asyncio.timeout(0 if self._stopping else allowed):
                await stream.run(allowed)
        except TimeoutError:
            pass
        except ConnectionError:
            return response
        finally:
            self._open.discard(stream)
            self._due.pop(stream, None)
            stream.close()
        await channel.close()
        return response

    def schedule(self, stream: _Stream) -> None:
        """See to it that what is due to a watch is written soon."""
        self._due[stream] = None
        if self._scheduled:
            return
        self._scheduled = True
        loop = asyncio.get_running_loop()
        if self._resting_until > loop.time():
            loop.call_at(self._resting_until, self._flush)
        else:
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        due, self._due = self._due, {}
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for stream in due:
            stream.flush()
        ended = loop.time()
        self._resting_until = ended + min(_REST * (ended - begun), _LONGEST_REST)


class _Stream:
    """One watch and the connection that it goes to."""

    def __init__(
        self, streams: Streams, watch: Watch, framer: Framer, channel: _Channel
    ) -> None:
        self._streams = streams
        self._watch = watch
        self._framer = framer
        self._channel = channel
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timers: list[asyncio.TimerHandle] = []

    async def run(self, seconds: float) -> None:
        """Write the beginning, then whatever becomes due, until the watch ends."""
        turn = Turn()
        try:
            async with aclosing(self._watch.opening()) as opening:
                async for events in opening:
                    for some in few_at_a_time(events):
                        await self._channel.write(self._framer.events(some))
                        await turn.over()
        except StatusError as error:
            await self._channel.write([error_frame(error)])
            return
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(_BOOKMARK_INTERVAL, self._bookmark))
        if seconds > _LAST_BOOKMARK:
            self._timers.append(loop.call_later(seconds - _LAST_BOOKMARK, self._mark))
        self._watch.subscribed(self._wake)
        await self._ended

    def end(self) -> None:
        """End the watch as if its time were up."""
        if not self._ended.done():
            self._ended.set_result(None)

    def close(self) -> None:
        """Let go of everything."""
        self._watch.close()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def flush(self) -> None:
        """Write what is due, without waiting."""
        if self._ended.done():
            return
        if self._channel.waiting() > _HIGH_WATER:
            later = asyncio.get_running_loop().call_later(_RETRY, self._wake)
            self._timers[2:] = [later]
            return
        try:
            frames = self._framer.parts(self._watch.take_parts())
        except StatusError as error:
            self._channel.write_now([error_frame(error)])
            self.end()
        except EOFError:
            self.end()
        else:
            if frames:
                self._channel.write_now(frames)

    def _wake(self) -> None:
        self._streams.schedule(self)

    def _bookmark(self) -> None:
        self._mark()
        loop = asyncio.get_running_loop()
        self._timers[0] = loop.call_later(_BOOKMARK_INTERVAL, self._bookmark)

    def _mark(self) -> None:
        mark = self._watch.bookmark()
        if mark is not None and not self._ended.done():
            self._channel.write_now(self._framer.events([mark]))


class _Channel:
    """How frames get to a client: with back-pressure while it is told what was, at once later."""

    async def open(self, exchange: Exchange) -> web.StreamResponse:
        """Begin the answer."""
        raise NotImplementedError

    async def write(self, frames: Sequence[bytes]) -> None:
        """Write frames, waiting for the client to take them."""
        raise NotImplementedError

    def write_now(self, frames: Sequence[bytes]) -> None:
        """Write frames without waiting."""
        raise NotImplementedError

    def waiting(self) -> int:
        """Return how many bytes the client has not taken yet."""
        raise NotImplementedError

    async def close(self) -> None:
        """End the answer."""
        raise NotImplementedError


class _Chunks(_Channel):
    """A chunked response: one JSON document a line."""

    async def open(self, exchange: Exchange) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        complete(exchange, response)
        writer = await response.prepare(exchange.http)
        assert writer is not None
        # aiohttp holds the head back until there is a body, which may take an hour to come.
        writer.send_headers()
        self._response = response
        self._transport: Any = exchange.http.transport
        return response

    async def write(self, frames: Sequence[bytes]) -> None:
        await self._response.write(b"".join(frames))

    def write_now(self, frames: Sequence[bytes]) -> None:
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def waiting(self) -> int:
        transport = self._transport
        return 0 if transport is None else int(transport.get_write_buffer_size())

    async def close(self) -> None:
        await self._response.write_eof()


class _Socket(_Channel):
    """A WebSocket: one JSON document a text frame. What the client sends is not looked at."""

    async def open(self, exchange: Exchange) -> web.StreamResponse:
        self._socket = web.WebSocketResponse(heartbeat=None)
        complete(exchange, self._socket)
        await self._socket.prepare(exchange.http)
        self._transport: Any = exchange.http.transport
        self._sending: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._reader = asyncio.create_task(self._read(asyncio.current_task()))
        return self._socket

    async def write(self, frames: Sequence[bytes]) -> None:
        # Writes come in order, and a lock lets them in in the order in which they came.
        async with self._turn:
            for frame in frames:
                for line in frame.splitlines():
                    await self._socket.send_str(line.decode())

    def write_now(self, frames: Sequence[bytes]) -> None:
        task = asyncio.create_task(self.write(frames))
        self._sending.add(task)
        task.add_done_callback(self._sent)

    def waiting(self) -> int:
        return _HIGH_WATER + 1 if len(self._sending) > _MOST_SENDING else 0

    async def close(self) -> None:
        self._reader.cancel()
        await self._socket.close()

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.debug("a WebSocket broke: %s", task.exception())

    async def _read(self, stream: asyncio.Task[Any] | None) -> None:
        async for _ in self._socket:
            continue
        if stream is not None:
            stream.cancel()


def _is_upgrade(exchange: Exchange) -> bool:
    return "websocket" in exchange.header("Upgrade").lower()
