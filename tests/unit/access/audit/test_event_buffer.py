"""Event buffers: limits, batches and blocking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from apiserver.access.audit import event_buffer
from apiserver.access.audit.audit_event import AuditRecord
from apiserver.access.audit.event_buffer import (
    BATCH,
    BLOCKING,
    BLOCKING_STRICT,
    BatchOptions,
    EventBuffer,
)
from tests.unit.access.audit.records import record
from tests.waiting import FOR_EVER, eventually


class Sink:
    """Takes records in when a test lets it."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.fails = False
        self.raises = False

    async def deliver(self, records: Sequence[AuditRecord]) -> int:
        await self.open.wait()
        if self.raises:
            raise RuntimeError("a bug")
        self.batches.append(len(records))
        return len(records) if self.fails else 0


@asynccontextmanager
async def buffering(
    sink: Sink,
    mode: str,
    size: int = 10,
    batch: int = 1,
    wait: float = 0.0,
    throttle: tuple[float, int] | None = None,
) -> AsyncIterator[EventBuffer]:
    qps, burst = throttle or (0.0, 0)
    options = BatchOptions(size, batch, wait, throttle is not None, qps, burst)
    buffer = EventBuffer(mode, options, sink.deliver, "sink")
    task = asyncio.create_task(buffer.run())
    try:
        yield buffer
    finally:
        sink.open.set()
        buffer.close()
        await task


async def test_what_does_not_fit_is_dropped_and_counted() -> None:
    sink = Sink()
    sink.open.clear()
    async with buffering(sink, BATCH, size=3) as buffer:
        stored = [await buffer.put(record(), wait=True) for _ in range(5)]
        assert stored == [True, True, True, False, False]
        assert buffer.dropped == 2
    assert sum(sink.batches) == 3, "what is left is delivered at the end"


async def test_large_records_fill_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_buffer, "MAX_BYTES", 12_000)
    sink = Sink()
    sink.open.clear()
    async with buffering(sink, BATCH, size=1000) as buffer:
        assert await buffer.put(record(size=20_000), wait=False), "alone it fits"
        await eventually(lambda: not buffer._records)
        assert [await buffer.put(record(size=4_000), wait=False) for _ in range(3)] == [
            True, True, False,
        ]  # fmt: skip


async def test_a_batch_waits_until_it_is_full() -> None:
    sink = Sink()
    async with buffering(sink, BATCH, batch=3, wait=FOR_EVER) as buffer:
        for _ in range(4):
            await buffer.put(record(), wait=False)
        await eventually(lambda: sink.batches == [3])
    assert sink.batches == [3, 1]


async def test_a_batch_waits_for_a_while() -> None:
    sink = Sink()
    async with buffering(sink, BATCH, batch=3, wait=0.01) as buffer:
        await buffer.put(record(), wait=False)
        await eventually(lambda: sink.batches == [1])


async def test_batches_are_limited_per_second() -> None:
    sink = Sink()
    begun = asyncio.get_running_loop().time()
    async with buffering(sink, BATCH, throttle=(50.0, 2)) as buffer:
        for _ in range(5):
            await buffer.put(record(), wait=False)
        await eventually(lambda: len(sink.batches) == 5)
    assert asyncio.get_running_loop().time() - begun >= 0.04


@pytest.mark.parametrize("mode", [BLOCKING, BLOCKING_STRICT])
async def test_in_the_blocking_modes_requests_wait_until_it_is_stored(mode: str) -> None:
    sink = Sink()
    sink.open.clear()
    async with buffering(sink, mode, size=2) as buffer:
        waiting = [buffer.put(record(), wait=True) for _ in range(6)]
        await asyncio.sleep(0.01)
        assert not any(each.done() for each in waiting)
        sink.open.set()
        assert await asyncio.gather(*waiting) == [True] * 6
        assert (sum(sink.batches), buffer.dropped) == (6, 0)
        sink.fails = True
        assert await buffer.put(record(), wait=True) is False
        assert buffer.failed == 1


async def test_who_goes_away_does_not_disturb_the_others() -> None:
    sink = Sink()
    sink.open.clear()
    async with buffering(sink, BLOCKING) as buffer:
        first, other = (buffer.put(record(), wait=True) for _ in range(2))
        first.cancel()
        sink.open.set()
        assert await other is True


@pytest.mark.parametrize("wait", [False, True])
async def test_what_waits_for_room_is_delivered_in_its_turn_whoever_leaves(wait: bool) -> None:
    sink = Sink()
    sink.open.clear()
    async with buffering(sink, BLOCKING, size=1) as buffer:
        outcomes = [buffer.put(record(), wait=wait) for _ in range(4)]
        assert [each.done() for each in outcomes] == [not wait, False, False, False]
        outcomes[1].cancel()
        sink.open.set()
        await asyncio.wait(outcomes)
        assert [each.cancelled() or each.result() for each in outcomes] == [True] * 4
        await eventually(lambda: sum(sink.batches) == 4)


async def test_what_waits_for_room_is_limited_in_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_buffer, "MAX_BYTES", 12_000)
    sink = Sink()
    sink.open.clear()
    async with buffering(sink, BLOCKING, size=1) as buffer:
        await asyncio.wait_for(buffer.put(record(), wait=False), FOR_EVER)
        late = [buffer.put(record(size=4_000), wait=True) for _ in range(5)]
        for each in late:
            if not each.done():
                each.cancel()
        assert [each.cancelled() for each in late] == [True, True, True, False, False]
        assert buffer.failed == 2
        sink.open.set()
        await eventually(lambda: sum(sink.batches) == 4)
        assert await buffer.put(record(size=4_000), wait=True), "there is room again"


async def test_what_waits_for_room_at_the_end_is_not_stored() -> None:
    sink = Sink()
    sink.open.clear()
    async with buffering(sink, BLOCKING, size=1) as buffer:
        outcomes = [buffer.put(record(), wait=True) for _ in range(3)]
    assert [await each for each in outcomes] == [True, False, False]
    assert buffer.failed == 2


async def test_a_bug_loses_events_and_holds_nobody_up() -> None:
    sink = Sink()
    sink.raises = True
    async with buffering(sink, BLOCKING) as buffer:
        assert await buffer.put(record(), wait=True) is False
        sink.raises = False
        assert await buffer.put(record(), wait=True) is True
        assert buffer.failed == 1


async def test_what_comes_after_the_end_does_not_wait() -> None:
    async with buffering(Sink(), BLOCKING) as buffer:
        pass
    assert await buffer.put(record(), wait=True) is False
    assert buffer.failed == 1
