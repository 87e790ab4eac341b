"""AuditWebhook: sends events to another server, as EventLists.

A call that fails in passing is repeated, with growing pauses. Nothing waits for that but the
buffer, which drops what does not fit into it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from apiserver.access.audit.audit_event import API_VERSION, AuditRecord
from apiserver.client.kubeconfig_file import KubeconfigConnection
from apiserver.client.webhook import WebhookClient
from apiserver.client.webhook_responses import WebhookError

_BEGINNING: Final = (
    f'{{"kind":"EventList","apiVersion":"{API_VERSION}","metadata":{{}},"items":['.encode()
)
_END: Final = b"]}"
#: How long one call may take, in seconds.
_TIMEOUT: Final = 30.0
#: The response matters only if it is an error.
_MOST_BYTES: Final = 1024 * 1024
#: Status codes after which a call is repeated; 0 is none.
_REPEATED: Final = frozenset([0, 429, 500, 502, 503, 504])
_ATTEMPTS: Final = 5
_GROWTH: Final = 1.5
_JITTER: Final = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditWebhookOptions:
    """``backoff`` is the first pause in seconds; sizes are in bytes, 0 for no limit."""

    backoff: float
    most_event: int = 0
    most_batch: int = 0


class AuditWebhook:
    """The server of a kubeconfig."""

    def __init__(self, connection: KubeconfigConnection, options: AuditWebhookOptions) -> None:
        self._server = connection.server
        self._client = WebhookClient(_NoServices(), lambda _: connection.credentials)
        self._options = options

    async def deliver(self, records: Sequence[AuditRecord]) -> int:
        """Send records; return how many were not sent."""
        events, failed = await asyncio.to_thread(self._encoded, records)
        for batch in _batches(events, self._options.most_batch):
            try:
                await self._post(_BEGINNING + b",".join(batch) + _END)
            except WebhookError as error:
                failed += len(batch)
                log.warning("%d audit events were not sent: %s", len(batch), error)
        return failed

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    def _encoded(self, records: Sequence[AuditRecord]) -> tuple[list[bytes], int]:
        encoded = [record.encode(self._options.most_event) for record in records]
        events = [data for data in encoded if data is not None]
        return events, len(records) - len(events)

    async def _post(self, body: bytes) -> None:
        pause = self._options.backoff
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._client.post(self._server, body, timeout=_TIMEOUT, max_bytes=_MOST_BYTES)
            except WebhookError as error:
                if error.status not in _REPEATED or attempt == _ATTEMPTS:
                    raise
            else:
                return
            await asyncio.sleep(pause * (1 + _JITTER * random.random()))  # noqa: S311
            pause *= _GROWTH


class _NoServices:
    def resolve(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        raise OSError(f"service {name} not found")


def _batches(events: Sequence[bytes], most: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for event in events:
        if batch and most and size + len(event) > most:
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event)
    if batch:
        yield batch
