"""Large bodies, written a slice at a time: none of them holds up other requests for long.

Parts may be made while they are written. Between two slices others get their turn, even if the
client takes everything at once.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

SLICE: Final = 256 * 1024
_LEVEL: Final = 1
_GZIP_WINDOW: Final = 31


class SlicedPayload(Payload):
    """A body in parts; what is due is written when the client has taken what went before."""

    def __init__(self, parts: Iterable[bytes], size: int, media_type: str) -> None:
        super().__init__(parts, content_type=media_type)
        self._size = size

    async def write(self, writer: AbstractStreamWriter) -> None:
        for data in slices(self._value):
            await writer.write(data)
            await asyncio.sleep(0)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        await self.write(writer)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._value).decode(encoding, errors)


class GzipPayload(Payload):
    """The same, compressed beside the event loop."""

    def __init__(self, parts: Iterable[bytes], media_type: str) -> None:
        super().__init__(parts, content_type=media_type)

    async def write(self, writer: AbstractStreamWriter) -> None:
        loop = asyncio.get_running_loop()
        squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
        for data in slices(self._value):
            # zlib lets go of the interpreter, so other requests are answered meanwhile.
            squeezed = await loop.run_in_executor(None, squeeze.compress, data)
            if squeezed:
                await writer.write(squeezed)
        await writer.write(squeeze.flush())

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        await self.write(writer)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._value).decode(encoding, errors)


def slices(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join parts into slices of about the same size, and cut those that are larger."""
    pending: list[bytes] = []
    size = 0
    for part in parts:
        if len(part) > SLICE:
            if pending:
                yield b"".join(pending)
                pending, size = [], 0
            for start in range(0, len(part), SLICE):
                yield part[start : start + SLICE]
            continue
        pending.append(part)
        size += len(part)
        if size >= SLICE:
            yield b"".join(pending)
            pending, size = [], 0
    if pending:
        yield b"".join(pending)
