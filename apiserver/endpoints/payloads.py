"""Large response bodies, written in slices so that they do not block other requests.

Parts may be produced while they are written. The event loop runs between two slices, even if the
client reads as fast as the server writes; of several bodies one slice is written at a time.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from apiserver.registry.yielding import SLICE, yield_fairly

_LEVEL: Final = 1
_GZIP_WINDOW: Final = 31


class SlicedPayload(Payload):
    """A body in parts. Each slice is written when the client has read the one before."""

    def __init__(self, parts: Iterable[bytes], size: int, media_type: str) -> None:
        super().__init__(parts, content_type=media_type)
        self._size: int = size

    async def write(self, writer: AbstractStreamWriter) -> None:
        left = self._size
        for data in slices(self._value):
            await writer.write(data)
            left -= len(data)
            if left:
                await yield_fairly()

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        await self.write(writer)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._value).decode(encoding, errors)


class GzipPayload(Payload):
    """A body in parts, compressed in a thread."""

    def __init__(self, parts: Iterable[bytes], media_type: str) -> None:
        super().__init__(parts, content_type=media_type)

    async def write(self, writer: AbstractStreamWriter) -> None:
        loop = asyncio.get_running_loop()
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        for data in slices(self._value):
            # zlib releases the GIL, so other requests are served during compression.
            squeezed = await loop.run_in_executor(None, compressor.compress, data)
            if squeezed:
                await writer.write(squeezed)
        await writer.write(compressor.flush())

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        await self.write(writer)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._value).decode(encoding, errors)


def slices(parts: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """Join parts into slices of about the same size, and split larger parts.

    A part that makes a slice is not copied. A slice of a large part is a view of it: a client that
    reads slowly costs no copy.
    """
    pending: list[bytes] = []
    size = 0
    for part in parts:
        if len(part) > SLICE // 2:
            if pending:
                yield b"".join(pending)
                pending, size = [], 0
            whole = memoryview(part)
            for start in range(0, len(part), SLICE):
                yield whole[start : start + SLICE]
            continue
        pending.append(part)
        size += len(part)
        if size >= SLICE:
            yield b"".join(pending)
            pending, size = [], 0
    if pending:
        yield b"".join(pending)
