"""EventBuffer: records on their way to a backend, limited in number and in size.

One task takes them out in batches and delivers each. In the mode ``batch`` requests do not wait,
and what does not fit into the buffer is dropped; in the blocking modes they wait for room, and
until what they have put in has been delivered. One batch has what has come in meanwhile, so many
requests wait for the same one. A record is put in without an await, and what a request waits for is
a future: a client that leaves ends the waiting, and its record is delivered all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from apiserver.access.audit.audit_event import AuditRecord
from apiserver.machinery.valueclasses import valueclass

BATCH: Final = "batch"
BLOCKING: Final = "blocking"
BLOCKING_STRICT: Final = "blocking-strict"
MODES: Final = (BATCH, BLOCKING, BLOCKING_STRICT)

#: The total size of the records in a buffer, in bytes, and of those that wait for room in it.
#: Upstream limits only their number.
MAX_BYTES: Final = 64 * 1024 * 1024
#: In the blocking modes a batch has the records that are ready, at most so many.
_MAX_BATCH: Final = 500

log = logging.getLogger(__name__)

#: Delivers records; returns how many were not stored.
Deliver: TypeAlias = Callable[[Sequence[AuditRecord]], Awaitable[int]]


@valueclass
class BatchOptions:
    """The batches of a backend: times in seconds, ``qps`` and ``burst`` of batches if throttled."""

    buffer_size: int
    max_size: int
    max_wait: float
    throttle: bool
    qps: float
    burst: int


class EventBuffer:
    """The records of one backend. `run` has to be running."""

    def __init__(self, mode: str, options: BatchOptions, deliver: Deliver, name: str) -> None:
        self.mode = mode
        self.name = name
        #: How many records were not stored.
        self.failed = 0
        self.dropped = 0
        self._options = options
        self._most = options.max_size if mode == BATCH else _MAX_BATCH
        self._deliver = deliver
        self._records: deque[tuple[AuditRecord, asyncio.Future[bool] | None]] = deque()
        self._bytes = 0
        # Records without room yet, each with the future of its request, and whether the request
        # also waits until the record is stored.
        self._late: deque[tuple[AuditRecord, asyncio.Future[bool], bool]] = deque()
        self._late_bytes = 0
        self._arrived = asyncio.Event()
        self._closing = False
        self._tokens = float(options.burst)
        self._refilled = 0.0

    def put(self, record: AuditRecord, *, wait: bool) -> asyncio.Future[bool]:
        """Add a record; the future results in False if it is dropped.

        In the blocking modes that is known when there is room for it, and with ``wait`` when it has
        been stored.
        """
        outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self.mode == BATCH:
            outcome.set_result(self._offer(record))
        elif not self._closing and not self._late and self._fits(record):
            self._take(record, outcome, wait=wait)
        elif self._closing or self._late_bytes + record.size > MAX_BYTES:
            # Delivery has stopped; or is so slow that many clients have left meanwhile.
            self.failed += 1
            outcome.set_result(False)
        else:
            self._late.append((record, outcome, wait))
            self._late_bytes += record.size
        return outcome

    async def run(self) -> None:
        """Deliver records until `close` was called and none is left."""
        while True:
            if not self._records:
                if self._closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await self._collect()
            await self._throttle()
            await self._deliver_batch()

    def close(self) -> None:
        """Accept no more records; `run` ends when the others are delivered."""
        self._closing = True
        self._arrived.set()
        self.failed += len(self._late)
        while self._late:
            _, outcome, _ = self._late.popleft()
            _settle(outcome, stored=False)

    def abandon(self) -> None:
        """Count the records that are left as not stored."""
        self.failed += len(self._records)
        while self._records:
            _, outcome = self._records.popleft()
            _settle(outcome, stored=False)

    def _offer(self, record: AuditRecord) -> bool:
        if self._closing or not self._fits(record):
            self.dropped += 1
            return False
        self._add(record, None)
        return True

    def _fits(self, record: AuditRecord) -> bool:
        if not self._records:
            return True
        return (
            len(self._records) < self._options.buffer_size
            and self._bytes + record.size <= MAX_BYTES
        )

    def _take(self, record: AuditRecord, outcome: asyncio.Future[bool], *, wait: bool) -> None:
        if wait:
            self._add(record, outcome)
        else:
            self._add(record, None)
            _settle(outcome, stored=True)

    def _take_late(self) -> None:
        while self._late and self._fits(self._late[0][0]):
            record, outcome, wait = self._late.popleft()
            self._late_bytes -= record.size
            self._take(record, outcome, wait=wait)

    def _add(self, record: AuditRecord, outcome: asyncio.Future[bool] | None) -> None:
        self._records.append((record, outcome))
        self._bytes += record.size
        # The task waits for the first record, or for a whole batch.
        if len(self._records) in (1, self._most):
            self._arrived.set()

    async def _collect(self) -> None:
        """Wait for a full batch, or until the maximum wait has passed."""
        if self.mode != BATCH or self._most <= 1:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.max_wait):
                while len(self._records) < self._most and not self._closing:
                    self._arrived.clear()
                    await self._arrived.wait()

    async def _throttle(self) -> None:
        options = self._options
        if self.mode != BATCH or not options.throttle or self._closing:
            return
        now = asyncio.get_running_loop().time()
        refilled = (now - self._refilled) * options.qps
        self._tokens, self._refilled = min(options.burst, self._tokens + refilled), now
        self._tokens -= 1
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / options.qps)

    async def _deliver_batch(self) -> None:
        count = min(self._most, len(self._records))
        batch = [self._records.popleft() for _ in range(count)]
        self._bytes -= sum(record.size for record, _ in batch)
        self._take_late()
        records = [record for record, _ in batch]
        try:
            failed = await self._deliver(records)
        except Exception:
            # An error here is a bug. Requests wait for this task, so it must not end it.
            log.exception("%s: audit events are lost", self.name)
            failed = len(records)
        self.failed += failed
        for _, outcome in batch:
            _settle(outcome, stored=not failed)


def _settle(outcome: asyncio.Future[bool] | None, *, stored: bool) -> None:
    """Resolve the future of the waiting request, if any."""
    if outcome is not None and not outcome.done():
        outcome.set_result(stored)
