"""Auditor: the policy and the backends of a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from apiserver.access.audit.audit_event import AuditEvent
from apiserver.access.audit.audit_policy import (
    REQUEST_RECEIVED,
    AuditedRequest,
    AuditPolicy,
    AuditRule,
)
from apiserver.access.audit.event_buffer import BLOCKING_STRICT, EventBuffer
from apiserver.machinery.instruments import COUNTER, Family, Labels
from apiserver.machinery.times import system_clock
from apiserver.machinery.valueclasses import valueclass

#: How long backends may take to store the remaining events at shutdown, in seconds.
_LAST_SECONDS: Final = 2.0


class EventNotStored(Exception):
    """A backend in the mode blocking-strict could not store that a request was received."""


@valueclass
class AuditBackend:
    """A buffer and how to close what it delivers to."""

    buffer: EventBuffer
    close: Callable[[], Awaitable[None]]


class Auditor:
    """Decides which requests are audited, and passes their events on."""

    def __init__(self, policy: AuditPolicy, backends: Sequence[AuditBackend]) -> None:
        self.policy = policy
        self._backends = backends
        self._buffers = [backend.buffer for backend in backends]
        self._clock = system_clock()
        self._events = 0
        self._rejected = 0
        self._levels: dict[Labels, float] = {}

    def rule_of(self, request: AuditedRequest) -> AuditRule:
        """Return the rule of a request, and count its level."""
        rule = self.policy.evaluate(request)
        label = (rule.level.wire_name,)
        self._levels[label] = self._levels.get(label, 0.0) + 1
        return rule

    async def record(self, event: AuditEvent, stage: str) -> None:
        """Pass an event on at a stage. Raises EventNotStored for a received request.

        Every backend gets it, even if another fails or the request is cancelled meanwhile.
        """
        if stage in event.rule.omit_stages:
            return
        self._events += 1
        received = stage == REQUEST_RECEIVED
        record = event.at_stage(stage, event.received if received else self._clock.time())
        # A client that has the response finds its event; that of its receipt is stored before.
        outcomes = [
            (buffer.put(record, wait=not received or buffer.mode == BLOCKING_STRICT), buffer.mode)
            for buffer in self._buffers
        ]
        for outcome, mode in outcomes:
            stored = await outcome
            if received and not stored and mode == BLOCKING_STRICT:
                self._rejected += 1
                raise EventNotStored

    def families(self) -> Iterator[Family]:
        """Yield the metrics of audit."""
        failures: dict[Labels, float] = {
            (buffer.name,): float(buffer.failed) for buffer in self._buffers if buffer.failed
        }
        dropped = sum(buffer.dropped for buffer in self._buffers)
        if dropped:
            failures["buffered",] = float(dropped)
        values: Sequence[tuple[str, str, Sequence[str], dict[Labels, float]]] = (
            ("event", "Events passed to the backends.", (), {(): float(self._events)}),
            ("error", "Events not stored.", ("plugin",), failures),
            ("level", "Requests by their level.", ("level",), dict(self._levels)),
            ("requests_rejected", "Requests refused for it.", (), {(): float(self._rejected)}),
        )
        for name, description, labels, counts in values:
            yield Family(f"apiserver_audit_{name}", description, labels, counts, COUNTER)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver events while the block runs, and what is left when it ends."""
        tasks = [
            asyncio.create_task(buffer.run(), name=f"audit-{buffer.name}")
            for buffer in self._buffers
        ]
        try:
            yield
        finally:
            for buffer in self._buffers:
                buffer.close()
            if tasks:
                await asyncio.wait(tasks, timeout=_LAST_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for backend in self._backends:
                backend.buffer.abandon()
                await backend.close()
