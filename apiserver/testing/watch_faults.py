"""WatchFaults: the open watches of a server for tests, and the faults that hit them.

A faulty channel is the transport of a watch: it counts the events that pass, leaves bookmarks out,
and cuts the connection. A watch is ended from outside by cancelling the body of its response; its
client gets a last event then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Final, cast

from aiohttp import web

from apiserver.endpoints.http_request import Handler, HTTPRequest, StreamBody
from apiserver.endpoints.watch_channels import Channel, channel_for
from apiserver.endpoints.watch_frames import status_frame
from apiserver.machinery.errors import Expired
from apiserver.machinery.options import first
from apiserver.testing.fault_rules import FaultRule, FaultRules
from apiserver.testing.request_recorder import Recorded, current_record

_BOOKMARK: Final = b'{"type":"BOOKMARK"'


class FaultyChannel(Channel):
    """The transport of one watch, with its active faults."""

    __slots__ = (
        "_connection", "_cut", "_cuts", "_expired", "_inner", "_mute", "_task", "after", "record",
    )  # fmt: skip

    def __init__(self, request: HTTPRequest, record: Recorded) -> None:
        self._inner = channel_for(request)
        self._task: asyncio.Task[None] | None = None
        self._expired: Expired | None = None
        # The last event before a cut was passed on.
        self._cut = False
        # The faults that cut this watch, with the number of events that it still gets.
        self._cuts: dict[int, tuple[FaultRule, int]] = {}
        self._mute: list[FaultRule] = []
        self._connection = request.connection
        self.record = record
        version = first(request.query, "resourceVersion")
        #: The revision that the watch resumes after; 0: it does not resume.
        self.after = int(version) if version.isdecimal() else 0

    def attach(self, rule: FaultRule) -> None:
        """Activate a fault for this watch."""
        if rule.action == "cut_watch":
            self._cuts[rule.number] = (rule, rule.options["after"])
        elif rule.action == "skip_bookmarks":
            self._mute.append(rule)

    def detach(self, number: int | None) -> None:
        """Take a fault off, or all of them."""
        self._mute = [rule for rule in self._mute if number not in (None, rule.number)]
        for each in list(self._cuts) if number is None else [number]:
            self._cuts.pop(each, None)

    def expire(self, revision: int) -> None:
        """End the watch with 410, as if ``revision`` were the oldest that is known."""
        if self._expired is None:
            message = f"too old resource version: {self.after} ({revision})"
            self._expired = Expired(message)
            self._end()

    async def run(self, send_body: StreamBody) -> None:
        """Send the body of the response: events, until the watch ends or is ended."""
        task = self._task = cast("asyncio.Task[None]", asyncio.current_task())
        if (self._cut or self._expired is not None) and self.is_open():
            task.cancel()
        try:
            await send_body()
        except asyncio.CancelledError:
            if not self._cut and self._expired is None:
                raise
            task.uncancel()
            if self._cut:
                await self._inner.flush()
                self.disconnect()
            elif self._expired is not None:
                self._inner.write_now([status_frame(self._expired)])
                await self._inner.close()
        finally:
            self._task = None

    async def open(self, request: HTTPRequest) -> web.StreamResponse:
        return await self._inner.open(request)

    async def write(self, frames: Sequence[bytes]) -> None:
        passed, cut = self._passed(frames)
        if passed:
            await self._inner.write(passed)
        if cut:
            self._end()

    def write_now(self, frames: Sequence[bytes]) -> None:
        passed, cut = self._passed(frames)
        if passed:
            self._inner.write_now(passed)
        if cut:
            self._end()

    async def flush(self) -> None:
        await self._inner.flush()

    def waiting(self) -> int:
        return self._inner.waiting()

    def is_open(self) -> bool:
        return self._inner.is_open()

    async def close(self) -> None:
        await self._inner.close()

    def _end(self) -> None:
        """End the body of the response, at once or as soon as it begins."""
        if self._task is not None:
            self._task.cancel()

    def _passed(self, frames: Sequence[bytes]) -> tuple[Sequence[bytes], bool]:
        """Return the events that are passed on, and whether the watch is cut after them."""
        if self._cut:
            return [], False
        if not self._mute and not self._cuts:
            return frames, False
        passed = []
        for line in b"".join(frames).splitlines(keepends=True):
            if line.startswith(_BOOKMARK):
                if self._mute:
                    self._mute[0].record_hit(self.record)
                    continue
            elif not self._may_pass():
                self._cut = True
                break
            passed.append(line)
        return passed, self._cut

    def _may_pass(self) -> bool:
        """Count one event; return whether no fault cuts the watch before it."""
        for number, (rule, left) in list(self._cuts.items()):
            if left > 0:
                self._cuts[number] = (rule, left - 1)
            elif not rule.exhausted:
                rule.record_hit(self.record)
                return False
        return True

    def disconnect(self) -> None:
        """Close the connection, when the events that were passed on have been sent."""
        transport = self._connection.transport
        if transport is not None:
            transport.close()


class WatchFaults:
    """The open watches, and the faults of watches. ``revision`` returns that of the server."""

    ACTIONS: ClassVar = frozenset(["cut_watch", "expire_watch", "skip_bookmarks"])

    def __init__(self, rules: FaultRules, revision: Callable[[], int]) -> None:
        self._rules = rules
        self._revision = revision
        # By the number of the request.
        self._open: dict[int, FaultyChannel] = {}
        # Watches do not resume from before this revision.
        self._expired_before = 0

    def channel_for(self, request: HTTPRequest) -> Channel:
        """Return the transport of a watch; those of the harness itself have no faults."""
        record = current_record.get()
        channel = None if record is None else self._open.get(record.number)
        return channel or channel_for(request)

    def with_faults(self, handler: Handler, record: Recorded) -> Handler:
        """Return ``handler`` with the faults of one watch."""

        async def handle(request: HTTPRequest) -> web.StreamResponse:
            channel = self._open[record.number] = self._new_channel(request, record)
            try:
                response = await handler(request)
                send_body = request.stream_body
            finally:
                if request.stream_body is None:
                    del self._open[record.number]
            if send_body is not None:
                request.stream_body = partial(self._run, channel, send_body)
            return response

        return handle

    def apply(self, rule: FaultRule) -> None:
        """Let a new fault hit the watches that are open."""
        for channel in list(self._open.values()):
            if rule.action in self.ACTIONS and rule.chooses(channel.record):
                self._attach(channel, rule)

    def lift(self, number: int | None) -> None:
        """Take a fault off the watches that are open, or all faults."""
        for channel in self._open.values():
            channel.detach(number)

    def expire(self, revision: int) -> None:
        """End all watches with 410, and those that resume from before ``revision`` later."""
        self._expired_before = revision
        for channel in list(self._open.values()):
            channel.expire(revision)

    def close(self) -> None:
        """Close the connections of all watches."""
        for channel in list(self._open.values()):
            channel.disconnect()

    def _new_channel(self, request: HTTPRequest, record: Recorded) -> FaultyChannel:
        channel = FaultyChannel(request, record)
        if 0 < channel.after < self._expired_before:
            channel.expire(self._expired_before)
        for rule in self._rules:
            resumes = channel.after > 0 or rule.action != "expire_watch"
            if rule.action in self.ACTIONS and resumes and rule.chooses(record):
                self._attach(channel, rule)
        return channel

    def _attach(self, channel: FaultyChannel, rule: FaultRule) -> None:
        if rule.action == "expire_watch":
            rule.record_hit(channel.record)
            channel.expire(self._revision())
        else:
            channel.attach(rule)

    async def _run(self, channel: FaultyChannel, send_body: StreamBody) -> None:
        try:
            await channel.run(send_body)
        finally:
            del self._open[channel.record.number]
