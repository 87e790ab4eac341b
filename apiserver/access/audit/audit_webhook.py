"""AuditWebhook: sends events to another server, as EventLists.

Calls are repeated after every failure, as in Kubernetes: an event that is not sent is lost.
Meanwhile only the buffer waits, and drops what does not fit into it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from apiserver.access.audit.audit_event import API_VERSION, AuditRecord
from apiserver.access.audit.event_groups import groups_by_size
from apiserver.client.kubeconfig_file import KubeconfigConnection
from apiserver.client.kubeconfig_webhook import KubeconfigWebhook, RetryPolicy
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.valueclasses import valueclass

_BEGINNING: Final = (
    f'{{"kind":"EventList","apiVersion":"{API_VERSION}","metadata":{{}},"items":['.encode()
)
_END: Final = b"]}"
#: How long one call may take, in seconds.
_TIMEOUT: Final = 30.0

log = logging.getLogger(__name__)


@valueclass
class AuditWebhookOptions:
    """``backoff`` is the first pause in seconds; sizes are in bytes, 0 for no limit."""

    backoff: float
    most_event: int = 0
    most_batch: int = 0


class AuditWebhook:
    """The server of a kubeconfig."""

    def __init__(self, connection: KubeconfigConnection, options: AuditWebhookOptions) -> None:
        retries = RetryPolicy(lambda _: True, options.backoff)
        self._webhook = KubeconfigWebhook(connection, retries, timeout=_TIMEOUT)
        self._options = options

    async def deliver(self, records: Sequence[AuditRecord]) -> int:
        """Send records; return how many were not sent."""
        events, failed = await asyncio.to_thread(self._encoded, records)
        for batch in groups_by_size(events, self._options.most_batch):
            try:
                await self._webhook.post(_BEGINNING + b",".join(batch) + _END)
            except WebhookError as error:
                failed += len(batch)
                log.warning("%d audit events were not sent: %s", len(batch), error)
        return failed

    async def close(self) -> None:
        """Close all connections."""
        await self._webhook.close()

    def _encoded(self, records: Sequence[AuditRecord]) -> tuple[list[bytes], int]:
        encoded = [record.encode(self._options.most_event) for record in records]
        events = [data for data in encoded if data is not None]
        return events, len(records) - len(events)
