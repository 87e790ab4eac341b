"""A complete response is written at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from apiserver.endpoints.buffered_response import BufferedResponse


async def test_what_has_been_written_is_not_kept() -> None:
    written: list[bytes] = []
    transport = SimpleNamespace(
        write=written.append, is_closing=lambda: False, get_write_buffer_size=lambda: 0
    )
    request = SimpleNamespace(keep_alive=True, version=(1, 1), method="GET", transport=transport)
    response = BufferedResponse(200, b"x" * 1000, "text/plain")
    await response.prepare(cast("Any", request))
    assert written[0].endswith(b"\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 1000)
    assert response.body == b""
