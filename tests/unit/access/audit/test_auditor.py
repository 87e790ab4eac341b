"""Several audit backends: each gets every event, whatever fails elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from apiserver.access.audit.audit_event import AuditRecord
from apiserver.access.audit.audit_policy import REQUEST_RECEIVED, RESPONSE_COMPLETE, AuditPolicy
from apiserver.access.audit.auditor import AuditBackend, Auditor, EventNotStored
from apiserver.access.audit.event_buffer import (
    BLOCKING,
    BLOCKING_STRICT,
    BatchOptions,
    EventBuffer,
)
from tests.unit.access.audit.records import event
from tests.waiting import eventually

ALONE = BatchOptions(1, 1, 0.0, False, 0.0, 0)


class Backend:
    """Stores events when a test lets it, or none of them."""

    def __init__(self, mode: str) -> None:
        self.stages: list[str] = []
        self.open = asyncio.Event()
        self.fails = False
        buffer = EventBuffer(mode, ALONE, self._deliver, "backend")
        self.part = AuditBackend(buffer, self._close)

    async def _deliver(self, records: Sequence[AuditRecord]) -> int:
        await self.open.wait()
        self.stages += [str(record.fields["stage"]) for record in records]
        return len(records) if self.fails else 0

    async def _close(self) -> None:
        pass


@pytest.mark.parametrize("busy", [False, True])
async def test_a_client_that_leaves_loses_no_event_of_any_backend(busy: bool) -> None:
    first, second = Backend(BLOCKING), Backend(BLOCKING)
    second.open.set()
    auditor = Auditor(AuditPolicy([]), [first.part, second.part])
    async with auditor.running():
        if busy:
            # One is being stored, the next one fills the buffer.
            await auditor.record(event(), REQUEST_RECEIVED)
            await eventually(lambda: second.stages)
            await auditor.record(event(), REQUEST_RECEIVED)
        recording = asyncio.create_task(auditor.record(event(), RESPONSE_COMPLETE))
        await asyncio.sleep(0)
        recording.cancel()
        await asyncio.wait([recording])
        assert recording.cancelled()
        first.open.set()
        for backend in (first, second):
            await eventually(lambda backend=backend: RESPONSE_COMPLETE in backend.stages)


async def test_a_backend_gets_what_another_one_has_not_stored() -> None:
    first, second = Backend(BLOCKING_STRICT), Backend(BLOCKING_STRICT)
    for backend in (first, second):
        backend.open.set()
    first.fails = True
    auditor = Auditor(AuditPolicy([]), [first.part, second.part])
    async with auditor.running():
        with pytest.raises(EventNotStored):
            await auditor.record(event(), REQUEST_RECEIVED)
        await eventually(lambda: second.stages == [REQUEST_RECEIVED])
