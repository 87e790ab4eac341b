"""Concurrent reads of the revision share requests, but none that was sent before their call."""

from __future__ import annotations

import asyncio

import pytest

from storage.cache.revisionreads import RevisionReads
from storage.errors import Unavailable


class Source:
    """A store's revision, which is read when ``respond`` is called."""

    def __init__(self) -> None:
        self.requests: list[asyncio.Future[int]] = []

    async def read(self) -> int:
        self.requests.append(asyncio.get_running_loop().create_future())
        return await self.requests[-1]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_come_while_a_request_is_in_flight_share_the_next_one() -> None:
    source = Source()
    reads = RevisionReads(source.read)
    first = [asyncio.create_task(reads.revision()) for _ in range(3)]
    await settle()
    second = [asyncio.create_task(reads.revision()) for _ in range(2)]
    await settle()
    assert len(source.requests) == 1
    source.requests[0].set_result(7)
    assert await asyncio.gather(*first) == [7, 7, 7]
    await settle()
    assert len(source.requests) == 2
    source.requests[1].set_result(8)
    assert await asyncio.gather(*second) == [8, 8]
    third = asyncio.create_task(reads.revision())
    await settle()
    source.requests[2].set_result(9)
    assert await third == 9


async def test_a_cancelled_caller_does_not_cancel_the_request_of_others() -> None:
    source = Source()
    reads = RevisionReads(source.read)
    leaving, staying = (asyncio.create_task(reads.revision()) for _ in range(2))
    await settle()
    leaving.cancel()
    await settle()
    source.requests[0].set_result(7)
    assert await staying == 7
    assert leaving.cancelled()


async def test_all_who_share_a_request_get_its_error_and_the_next_ones_do_not() -> None:
    source = Source()
    reads = RevisionReads(source.read)
    failing = [asyncio.create_task(reads.revision()) for _ in range(2)]
    await settle()
    following = asyncio.create_task(reads.revision())
    source.requests[0].set_exception(Unavailable("not now"))
    results = await asyncio.gather(*failing, return_exceptions=True)
    assert [type(each) for each in results] == [Unavailable, Unavailable]
    await settle()
    source.requests[1].set_result(8)
    assert await following == 8


@pytest.mark.parametrize("begun", [False, True])
async def test_a_stop_cancels_all_who_wait(begun: bool) -> None:
    source = Source()
    reads = RevisionReads(source.read)
    waiting = [asyncio.create_task(reads.revision())]
    await asyncio.sleep(0)
    if begun:
        await settle()
    waiting.append(asyncio.create_task(reads.revision()))
    await asyncio.sleep(0)
    await reads.stop()
    for each in waiting:
        with pytest.raises(asyncio.CancelledError):
            await each
    await reads.stop()
