"""How frames become chunks of a response."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from apiserver.endpoints.watch_channels import Chunks


class Transport:
    """Keeps what is written."""

    def __init__(self, *, closing: bool = False) -> None:
        self.written: list[bytes] = []
        self.closing = closing

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closing


def chunks(transport: Transport, *, chunked: bool = True) -> Chunks:
    channel = Chunks()
    channel._chunked, channel._transport = chunked, transport
    return channel


@pytest.mark.parametrize(
    ("frames", "chunked", "written"),
    [
        ([b"a\n"], True, [b"2\r\na\n\r\n"]),
        ([b"a\n", b"", b"%b\n" % (b"b" * 14)], True, [b"11\r\na\nbbbbbbbbbbbbbb\n\r\n"]),
        ([b"a\n", b"b\n"], False, [b"a\nb\n"]),
        # A chunk without data ends a response.
        ([b""], True, []),
        ([], True, []),
    ],
)
def test_frames_that_are_due_together_are_one_chunk(
    frames: list[bytes], chunked: bool, written: list[bytes]
) -> None:
    transport = Transport()
    chunks(transport, chunked=chunked).write_now(frames)
    assert transport.written == written


async def test_a_client_that_has_gone_ends_the_initial_events_and_gets_no_later_ones() -> None:
    transport = Transport(closing=True)
    channel = chunks(transport)
    channel.write_now([b"a\n"])
    with pytest.raises(ConnectionError):
        await channel.write([b"a\n"])
    assert transport.written == []


async def test_initial_events_wait_for_the_client() -> None:
    transport, connection = Transport(), Mock()
    channel = chunks(transport)
    channel._connection = connection
    drained = []

    async def drain() -> None:
        drained.append(list(transport.written))

    connection.drained = drain
    await channel.write([b"a\n"])
    assert drained == [[b"2\r\na\n\r\n"]]
