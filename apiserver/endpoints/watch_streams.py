"""Events -> chunked responses or WebSocket frames, many watches at a time.

A watch that waits has no task to wake: when something is due for it, it stands in line with the
others, and one flush writes to all of them. An event is framed once for all watches that show it in
the same form, and what several watches of the same prefix are due is joined once. While the loop
is idle a flush follows at once; while flushes take their time the next one waits a little longer
than the last one took, so more events go out with each write and others get their turn. They get it
in the middle of a long flush, too.

A client that does not read is left alone until it does; its events wait in its watcher, which gives
up on it when there are too many. What is framed for it and not written yet is bounded.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final

from aiohttp import HttpVersion11, web

from apiserver.endpoints.errors import status_error
from apiserver.endpoints.headers import add_common_headers
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import Representation
from apiserver.endpoints.watch_frames import FrameCache, Framer, status_frame
from apiserver.registry.turns import FEW, Turn, few_at_a_time
from apiserver.registry.watch import Part, Watch

_SHORTEST, _LONGEST = 1800, 3600
#: How much may wait in a client's connection before nothing more is written to it, in bytes.
_HIGH_WATER: Final = 1024 * 1024
#: How much is written in one go, if it comes in several frames, in bytes.
_SLICE: Final = 256 * 1024
_RETRY: Final = 0.05
#: How much longer than a flush took the next one waits, and the most that it waits, in seconds.
_REST: Final = 5.0
_LONGEST_REST: Final = 0.02
#: How long a flush may have the loop before others get their turn, in seconds.
_LONGEST_FLUSH: Final = 0.01
_BOOKMARK_INTERVAL: Final = 60.0
_LAST_BOOKMARK: Final = 2.0
_MOST_SENDING: Final = 100

log = logging.getLogger(__name__)


class WatchStreams:
    """The open watches of a server."""

    def __init__(self) -> None:
        self._open: set[_WatchStream] = set()
        self._due: dict[_WatchStream, None] = {}
        # What is left of a flush, the last one first, and how long it has taken by now.
        self._rest: list[_WatchStream] = []
        self._taken = 0.0
        self._scheduled = False
        self._resting_until = 0.0
        self._stopping = False
        self._frames = FrameCache()

    def __len__(self) -> int:
        return len(self._open)

    def stop(self) -> None:
        """End every watch cleanly, and those that come now at once."""
        self._stopping = True
        for stream in list(self._open):
            stream.end()

    async def send(
        self, request: HTTPRequest, representation: Representation, watch: Watch, seconds: int
    ) -> web.StreamResponse:
        """Stream events to the client until the time is up, it goes away or the server stops."""
        allowed = seconds if seconds > 0 else random.uniform(_SHORTEST, _LONGEST)  # noqa: S311
        framer = self._frames.framer(request, representation, watch)
        channel: _Channel = _Socket() if _is_upgrade(request) else _Chunks()
        response = await channel.open(request)
        stream = _WatchStream(self, watch, framer, channel)
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

    def schedule(self, stream: _WatchStream) -> None:
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
        rest, loop = self._rest, asyncio.get_running_loop()
        if not rest:
            rest.extend(reversed(self._due))
            self._due.clear()
            self._taken = 0.0
        begun = time.perf_counter()
        taken = 0.0
        while rest and taken < _LONGEST_FLUSH:
            rest.pop().flush()
            taken = time.perf_counter() - begun
        self._taken += taken
        if rest:
            loop.call_soon(self._flush)
            return
        self._scheduled = False
        self._resting_until = loop.time() + min(_REST * self._taken, _LONGEST_REST)
        if self._due:
            self._scheduled = True
            loop.call_at(self._resting_until, self._flush)


class _WatchStream:
    """One watch and the connection that it goes to."""

    def __init__(
        self, streams: WatchStreams, watch: Watch, framer: Framer, channel: _Channel
    ) -> None:
        self._streams = streams
        self._watch = watch
        self._framer = framer
        self._channel = channel
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timers: list[asyncio.TimerHandle] = []
        # What was taken from the watch: parts that are not framed yet, frames that are not written.
        self._parts: deque[Part] = deque()
        self._framed: list[bytes] = []

    async def run(self, seconds: float) -> None:
        """Write the beginning, then whatever becomes due, until the watch ends."""
        turn = Turn()
        try:
            async with aclosing(self._watch.opening()) as opening:
                async for events in opening:
                    for some in few_at_a_time(events):
                        await self._channel.write(self._framer.events(some))
                        await turn.over()
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001  # the stream has begun: it is told there
            await self._channel.write([status_frame(status_error(error))])
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
        self._parts.clear()
        self.end()

    def flush(self) -> None:
        """Write what is due, or as much of it as may be, without waiting."""
        try:
            self._write_due()
        except EOFError:
            self.end()
        except Exception as error:  # noqa: BLE001  # others must not miss their turn for it
            self._channel.write_now([status_frame(status_error(error))])
            self.end()

    def _write_due(self) -> None:
        written = 0
        while not self._ended.done():
            if self._channel.waiting() > _HIGH_WATER:
                later = asyncio.get_running_loop().call_later(_RETRY, self._wake)
                self._timers[2:] = [later]
                return
            if not self._framed and not self._frame_some():
                return
            if written > _HIGH_WATER:
                self._wake()
                return
            frames, size = self._some_framed()
            if frames:
                self._channel.write_now(frames)
                written += size

    def _frame_some(self) -> bool:
        """Frame what is due, or a part of it if that is much; return whether anything was due."""
        if not self._parts:
            parts = self._watch.take_parts()
            if not parts:
                return False
            if sum(map(len, parts)) <= FEW:
                self._framed = self._framer.parts(parts)
                return True
            self._parts.extend(some for part in parts for some in few_at_a_time(part))
        self._framed = self._framer.parts([self._parts.popleft()])
        return True

    def _some_framed(self) -> tuple[list[bytes], int]:
        frames, size = self._framed, 0
        for index, frame in enumerate(frames, 1):
            size += len(frame)
            if size > _SLICE:
                self._framed = frames[index:]
                return frames[:index], size
        self._framed = []
        return frames, size

    def _wake(self) -> None:
        self._streams.schedule(self)

    def _bookmark(self) -> None:
        self._mark()
        loop = asyncio.get_running_loop()
        self._timers[0] = loop.call_later(_BOOKMARK_INTERVAL, self._bookmark)

    def _mark(self) -> None:
        if self._framed or self._parts:
            return
        mark = self._watch.bookmark()
        if mark is not None and not self._ended.done():
            self._channel.write_now(self._framer.events([mark]))


class _Channel:
    """How frames get to a client: with back-pressure while it is told what was, at once later."""

    async def open(self, request: HTTPRequest) -> web.StreamResponse:
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
    """A response in chunks, one JSON document a line. In HTTP/1.0 its end is the connection's."""

    async def open(self, request: HTTPRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        self._chunked = request.http.version >= HttpVersion11
        if self._chunked:
            response.enable_chunked_encoding()
        else:
            response.force_close()
        add_common_headers(request, response)
        writer = await response.prepare(request.http)
        assert writer is not None
        # aiohttp holds the head back until there is a body, which may take an hour to come.
        writer.send_headers()
        self._response = response
        self._transport: Any = request.http.transport
        return response

    async def write(self, frames: Sequence[bytes]) -> None:
        await self._response.write(b"".join(frames))

    def write_now(self, frames: Sequence[bytes]) -> None:
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def waiting(self) -> int:
        transport = self._transport
        return 0 if transport is None else int(transport.get_write_buffer_size())

    async def close(self) -> None:
        await self._response.write_eof()


class _Socket(_Channel):
    """A WebSocket: one JSON document a text frame. What the client sends is not looked at."""

    async def open(self, request: HTTPRequest) -> web.StreamResponse:
        self._socket = web.WebSocketResponse(heartbeat=None)
        add_common_headers(request, self._socket)
        await self._socket.prepare(request.http)
        self._transport: Any = request.http.transport
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


def _is_upgrade(request: HTTPRequest) -> bool:
    return "websocket" in request.header("Upgrade").lower()
