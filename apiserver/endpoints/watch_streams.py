"""Sends watch events to clients as chunked responses or WebSocket frames.

An idle watch has no task to wake up. When events are due, the watch is queued, and one flush writes
to all queued watches. An event is encoded once per representation; due events of several watches on
the same prefix are joined once. While the event loop is idle, a flush follows immediately. Under
load the next flush is delayed by a multiple of the duration of the last, so that each write carries
more events and other tasks run in between. A long flush yields to other tasks, too.

A client that does not read is skipped until it does. Its events wait in its watcher, which closes
the watch when there are too many. The frames encoded for it and not yet written are limited.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Final

from aiohttp import web

from apiserver.endpoints.errors import status_error
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import Representation
from apiserver.endpoints.watch_channels import HIGH_WATER, Channel, channel_for
from apiserver.endpoints.watch_frames import FrameCache, Framer, status_frame
from apiserver.endpoints.websocket_handshake import MalformedHandshake, refused_handshake
from apiserver.registry.watch import Part, Watch
from apiserver.registry.yielding import BATCH_SIZE, Yielder, batches

_SHORTEST, _LONGEST = 1800, 3600
_NANOSECONDS: Final = 1_000_000_000
#: Several frames are joined into writes of at most so many bytes.
_SLICE: Final = 256 * 1024
_RETRY: Final = 0.05
#: The delay before the next flush: a multiple of the last flush, at most so many seconds.
_PAUSE_FACTOR: Final = 5.0
_MAX_PAUSE: Final = 0.02
#: A flush yields to the event loop after so many seconds.
_LONGEST_FLUSH: Final = 0.01
_BOOKMARK_INTERVAL: Final = 60.0
_LAST_BOOKMARK: Final = 2.0
#: By how many seconds a timer may be early.
_TIMER_TOLERANCE: Final = 0.01
_MAX_SENDING: Final = 100


class WatchStreams:
    """The open watches of a server. ``channel_for`` returns the transport of a watch."""

    def __init__(self, channel_for: Callable[[HTTPRequest], Channel] = channel_for) -> None:
        self._channel_for = channel_for
        self._open: set[_WatchStream] = set()
        self._due: dict[_WatchStream, None] = {}
        # The watches left in the current flush, in reverse order, and its duration so far.
        self._rest: list[_WatchStream] = []
        self._taken = 0.0
        self._scheduled = False
        self._paused_until = 0.0
        self._stopping = False
        self._frames = FrameCache()

    def __len__(self) -> int:
        return len(self._open)

    def stop(self) -> None:
        """End every open watch cleanly, and every new watch at once."""
        self._stopping = True
        for stream in list(self._open):
            stream.end()

    async def send(
        self, request: HTTPRequest, representation: Representation, watch: Watch, seconds: int
    ) -> web.StreamResponse:
        """Begin a response whose rest is events.

        They come until the timeout, until the client disconnects or until the server stops.
        """
        framer = self._frames.framer(request, representation, watch)
        channel = self._channel_for(request)
        try:
            response = await channel.open(request)
        except MalformedHandshake as error:
            return refused_handshake(error)
        stream = _WatchStream(self, watch, framer, channel, request.initialized)
        self._open.add(stream)
        # Only the rest closes the stream, so that it begins even if the client disconnects now.
        request.outlive_client()
        request.stream_body = partial(self._run, stream, duration(seconds))
        return response

    async def _run(self, stream: _WatchStream, seconds: float) -> None:
        try:
            if stream.is_open():
                await stream.run(0 if self._stopping else seconds)
        except ConnectionError:
            pass
        finally:
            self._open.discard(stream)
            self._due.pop(stream, None)
            stream.close()

    def schedule(self, stream: _WatchStream) -> None:
        """Queue a watch for the next flush."""
        self._due[stream] = None
        if self._scheduled:
            return
        self._scheduled = True
        loop = asyncio.get_running_loop()
        if self._paused_until > loop.time():
            loop.call_at(self._paused_until, self._flush)
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
        self._paused_until = loop.time() + min(_PAUSE_FACTOR * self._taken, _MAX_PAUSE)
        if self._due:
            self._scheduled = True
            loop.call_at(self._paused_until, self._flush)


def duration(seconds: int) -> float:
    """Return the duration of a watch in seconds, given the requested one; 0: none is requested.

    As in Kubernetes, a negative time is over at once, and the nanoseconds of a time beyond 292
    years wrap around as a signed 64-bit number does.
    """
    nanoseconds = (seconds * _NANOSECONDS + (1 << 63)) % (1 << 64) - (1 << 63)
    if nanoseconds == 0:
        return random.uniform(_SHORTEST, _LONGEST)  # noqa: S311
    return max(nanoseconds / _NANOSECONDS, 0)


class _WatchStream:
    """One watch and its connection."""

    __slots__ = (
        "_channel",
        "_ended",
        "_framer",
        "_frames",
        "_initialized",
        "_parts",
        "_retry",
        "_streams",
        "_timer",
        "_until",
        "_watch",
    )  # fmt: skip

    def __init__(
        self,
        streams: WatchStreams,
        watch: Watch,
        framer: Framer,
        channel: Channel,
        initialized: Callable[[], None] | None = None,
    ) -> None:
        self._streams = streams
        self._watch = watch
        self._framer = framer
        self._channel = channel
        self._initialized = initialized
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        # Taken from the watch: parts not yet encoded, in reverse order, and frames not yet written.
        self._parts: list[Part] = []
        self._frames: list[bytes] = []

    def is_open(self) -> bool:
        """Return whether the client is still connected."""
        return self._channel.is_open()

    async def run(self, seconds: float) -> None:
        """Write the initial events, then events as they become due, until the watch ends.

        Raises ConnectionError.
        """
        self._until = asyncio.get_running_loop().time() + seconds
        if await self._opened(seconds):
            self._set_initialized()
            self._schedule_timer()
            self._watch.subscribed(self._wake)
            await self._ended
        await self._channel.close()

    async def _opened(self, seconds: float) -> bool:
        """Write the initial events; return whether the watch goes on."""
        yielder = Yielder()
        try:
            async with asyncio.timeout(seconds), aclosing(self._watch.opening()) as opening:
                async for events in opening:
                    for batch in batches(events):
                        await self._channel.write(self._framer.events(batch))
                        await yielder.yield_if_due()
        except TimeoutError:
            return False
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001  # the stream has begun: it gets the error
            await self._channel.write([status_frame(status_error(error))])
            return False
        return True

    def _set_initialized(self) -> None:
        if self._initialized is not None:
            self._initialized()
            self._initialized = None

    def end(self) -> None:
        """End the watch as on timeout."""
        if not self._ended.done():
            self._ended.set_result(None)

    def close(self) -> None:
        """Release all resources."""
        self._set_initialized()
        self._watch.close()
        for timer in (self._timer, self._retry):
            if timer is not None:
                timer.cancel()
        self._timer = self._retry = None
        self._parts.clear()
        self.end()

    def flush(self) -> None:
        """Write due events without waiting, as far as the connection takes them."""
        try:
            self._write_due()
        except EOFError:
            self.end()
        except Exception as error:  # noqa: BLE001  # other watches must still be flushed
            self._channel.write_now([status_frame(status_error(error))])
            self.end()

    def _write_due(self) -> None:
        written = 0
        while not self._ended.done():
            if self._channel.waiting() > HIGH_WATER:
                self._retry = asyncio.get_running_loop().call_later(_RETRY, self._wake)
                return
            if not self._frames and not self._encode_some():
                return
            if written > HIGH_WATER:
                self._wake()
                return
            frames, size = self._next_slice()
            if frames:
                self._channel.write_now(frames)
                written += size

    def _encode_some(self) -> bool:
        """Encode due events, or some of them if there are many; return whether any were due."""
        if not self._parts:
            parts = self._watch.take_parts()
            if not parts:
                return False
            if sum(map(len, parts)) <= BATCH_SIZE:
                self._frames = self._framer.parts(parts)
                return True
            self._parts = [batch for part in parts for batch in batches(part)]
            self._parts.reverse()
        self._frames = self._framer.parts([self._parts.pop()])
        return True

    def _next_slice(self) -> tuple[list[bytes], int]:
        frames, size = self._frames, 0
        for index, frame in enumerate(frames, 1):
            size += len(frame)
            if size > _SLICE:
                self._frames = frames[index:]
                return frames[:index], size
        self._frames = []
        return frames, size

    def _wake(self) -> None:
        self._streams.schedule(self)

    def _schedule_timer(self) -> None:
        """Set the only timer of an idle watch: to the next bookmark, the last one or the end."""
        loop = asyncio.get_running_loop()
        now, last = loop.time(), self._until - _LAST_BOOKMARK
        end = last if now < last - _TIMER_TOLERANCE else self._until
        self._timer = loop.call_at(min(now + _BOOKMARK_INTERVAL, end), self._on_timer)

    def _on_timer(self) -> None:
        if asyncio.get_running_loop().time() >= self._until - _TIMER_TOLERANCE:
            self.end()
        else:
            self._send_bookmark()
            self._schedule_timer()

    def _send_bookmark(self) -> None:
        if self._frames or self._parts:
            return
        mark = self._watch.bookmark()
        if mark is not None and not self._ended.done():
            self._channel.write_now(self._framer.events([mark]))
