"""Events -> a chunked response, with back-pressure and a deadline."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

from aiohttp import web

from apiserver.endpoints import table
from apiserver.endpoints.exchange import Exchange
from apiserver.endpoints.negotiation import TABLE, Representation
from apiserver.machinery.documents import dump_json
from apiserver.machinery.errors import StatusError
from apiserver.machinery.options import first
from apiserver.registry.watch import BOOKMARK, WatchEvent

_SHORTEST, _LONGEST = 1800, 3600
_SLICE = 500

Frame = Callable[[WatchEvent], bytes]


class Streams:
    """The open watches, so that they can be ended when the server stops."""

    def __init__(self) -> None:
        self._open: set[asyncio.Timeout] = set()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._open)

    def stop(self) -> None:
        """End every watch cleanly, and those that come now at once."""
        self._stopping = True
        now = asyncio.get_running_loop().time()
        for deadline in list(self._open):
            deadline.reschedule(now)

    async def send(
        self,
        exchange: Exchange,
        representation: Representation,
        events: AsyncIterator[Sequence[WatchEvent]],
        seconds: int,
    ) -> web.StreamResponse:
        """Stream events to the client until the time is up, it goes away or the server stops."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        for text in exchange.warnings:
            response.headers.add("Warning", text)
        await response.prepare(exchange.http)
        allowed = seconds if seconds > 0 else random.uniform(_SHORTEST, _LONGEST)  # noqa: S311
        try:
            async with asyncio.timeout(0 if self._stopping else allowed) as deadline:
                self._open.add(deadline)
                try:
                    await _pump(response, _framing(exchange, representation), events)
                finally:
                    self._open.discard(deadline)
        except TimeoutError:
            pass
        except ConnectionError:
            return response
        await response.write_eof()
        return response


async def _pump(
    response: web.StreamResponse, frame: Frame, events: AsyncIterator[Sequence[WatchEvent]]
) -> None:
    async with aclosing(cast("Any", events)) as batches:
        try:
            async for batch in batches:
                for start in range(0, len(batch), _SLICE):
                    await response.write(b"".join(map(frame, batch[start : start + _SLICE])))
        except StatusError as error:
            await response.write(_frame("ERROR", dump_json(error.status())))


def _framing(exchange: Exchange, representation: Representation) -> Frame:
    if not representation.transform:
        return lambda event: _frame(event.type, event.stored.body)
    if representation.transform != TABLE:
        version = representation.version
        return lambda event: _frame(
            event.type, dump_json(table.partial(event.stored.object, version))
        )
    include = table.included(first(exchange.query, "includeObject"))
    columns = iter((True,))

    def table_frame(event: WatchEvent) -> bytes:
        shown = [] if event.type == BOOKMARK else [event.stored]
        metadata = table.object_metadata(event.stored)
        document = table.of_objects(shown, include, metadata, columns=next(columns, False))
        return _frame(event.type, dump_json(document))

    return table_frame


def _frame(kind: str, body: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), body)
