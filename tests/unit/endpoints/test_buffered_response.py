"""A complete response is written at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from apiserver.endpoints.buffered_response import BufferedResponse
from tests.unit.endpoints.made_requests import message


def test_what_has_been_written_is_not_kept() -> None:
    written: list[bytes] = []
    transport: Any = SimpleNamespace(write=written.append, is_closing=lambda: False)
    response = BufferedResponse(200, b"x" * 1000, "text/plain")
    response.write_to(transport, message())
    assert written[0].endswith(b"\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 1000)
    assert response.body == b""


def test_a_status_may_be_made_up() -> None:
    written: list[bytes] = []
    transport: Any = SimpleNamespace(write=written.append, is_closing=lambda: False)
    BufferedResponse(499, b"", "text/plain").write_to(transport, message())
    assert written[0].startswith(b"HTTP/1.1 499 status code 499\r\nDate: ")
