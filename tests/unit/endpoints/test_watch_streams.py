"""Watch events are written as fast as clients read, and streams take turns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from apiserver.endpoints import watch_streams as streaming
from apiserver.endpoints.watch_channels import HIGH_WATER, Channel
from apiserver.endpoints.watch_streams import WatchStreams, _WatchStream
from apiserver.machinery.errors import Gone

FRAME = 10_000


class Watch:
    """A watch with so many events due, in parts of a few or in one."""

    def __init__(self, *parts: Sequence[int]) -> None:
        self.due: list[Sequence[int]] = list(parts)
        self.marks = 0

    def take_parts(self) -> list[Sequence[int]]:
        due, self.due = self.due, []
        return due

    def bookmark(self) -> str:
        self.marks += 1
        return "mark"

    def close(self) -> None:
        self.due = []


class Framer:
    def events(self, events: Sequence[Any]) -> list[bytes]:
        return [str(event).encode() for event in events]

    def parts(self, parts: Sequence[Sequence[int]]) -> list[bytes]:
        return [b"%*d" % (FRAME, event) for part in parts for event in part]


class Client(Channel):
    """A client that takes what it is told to take."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.untaken = 0

    def write_now(self, frames: Sequence[bytes]) -> None:
        self.written.append(b"".join(frames))
        self.untaken += len(self.written[-1])

    def waiting(self) -> int:
        return self.untaken

    @property
    def told(self) -> list[int]:
        data = b"".join(self.written)
        return [int(data[at : at + FRAME]) for at in range(0, len(data), FRAME)]


def opened(watch: Watch) -> tuple[_WatchStream, Client]:
    channel = Client()
    return _WatchStream(WatchStreams(), watch, Framer(), channel), channel  # type: ignore[arg-type]


async def test_a_client_that_takes_nothing_is_written_no_more_than_its_connection_holds() -> None:
    stream, channel = opened(Watch(range(5000)))
    for _ in range(10):
        stream.flush()
    assert 0 < channel.untaken <= HIGH_WATER + 2 * streaming._SLICE
    stream.close()


async def test_a_client_that_takes_it_by_and_by_is_told_everything_once_and_in_order() -> None:
    watch = Watch(range(150), range(150, 151), range(151, 1000))
    stream, channel = opened(watch)
    for _ in range(100):
        stream.flush()
        channel.untaken = max(channel.untaken - 300_000, 0)
    assert channel.told == list(range(1000))
    stream.close()


async def test_no_bookmark_overtakes_what_is_not_written_yet() -> None:
    watch = Watch(range(1000))
    stream, channel = opened(watch)
    stream.flush()
    stream._send_bookmark()
    assert watch.marks == 0
    while len(channel.told) < 1000:
        channel.untaken = 0
        stream.flush()
    stream._send_bookmark()
    assert watch.marks == 1
    stream.close()


async def test_a_long_flush_lets_others_in_and_forgets_nobody(monkeypatch: Any) -> None:
    monkeypatch.setattr(streaming, "_LONGEST_FLUSH", 1e-9)
    streams = WatchStreams()
    made = []
    for number in range(20):
        channel = Client()
        stream = _WatchStream(streams, Watch([number]), Framer(), channel)  # type: ignore[arg-type]
        made.append((stream, channel))
        streams.schedule(stream)
    turns = 0
    while not all(channel.written for _, channel in made):
        await asyncio.sleep(0)
        turns += 1
        assert turns < 100
    assert turns >= 20
    assert [channel.told for _, channel in made] == [[number] for number in range(20)]


async def test_what_cannot_be_framed_ends_one_watch_and_no_other() -> None:
    class Fails(Framer):
        def parts(self, parts: Sequence[Sequence[int]]) -> list[bytes]:
            raise Gone("this one is not there any more")

    streams, failing, sound = WatchStreams(), Client(), Client()
    bad = _WatchStream(streams, Watch([1]), Fails(), failing)  # type: ignore[arg-type]
    good = _WatchStream(streams, Watch([2]), Framer(), sound)  # type: ignore[arg-type]
    for stream in (bad, good):
        streams.schedule(stream)
    while not sound.written:
        await asyncio.sleep(0)
    assert sound.told == [2]
    (last,) = failing.written
    assert json.loads(last)["type"] == "ERROR"
    assert json.loads(last)["object"]["message"] == "this one is not there any more"


@pytest.mark.parametrize(
    ("asked", "lasts"),
    [
        (1, 1), (-1, 0), (9223372036, 9223372036), (9223372037, 0), ((1 << 63) - 1, 0),
        (18446744074, pytest.approx(0.290448384)),
    ],
)  # fmt: skip
def test_a_watch_lasts_as_many_nanoseconds_as_go_into_64_bits(asked: int, lasts: float) -> None:
    assert streaming.duration(asked) == lasts


def test_a_watch_of_which_nothing_is_said_lasts_up_to_an_hour() -> None:
    assert 1800 <= streaming.duration(0) <= 3600


async def test_who_has_gone_is_written_nothing() -> None:
    stream, channel = opened(Watch(range(10)))
    stream.close()
    stream.flush()
    assert channel.written == []
