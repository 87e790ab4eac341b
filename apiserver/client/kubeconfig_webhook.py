"""KubeconfigWebhook: the server of a kubeconfig file, called again after transient failures.

The pauses between the calls grow, as in Kubernetes, and vary, so that servers do not call in step.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from apiserver.client.kubeconfig_file import KubeconfigConnection
from apiserver.client.webhook import WebhookClient
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.valueclasses import valueclass

#: How large a response may be, in bytes.
MAX_BYTES: Final = 1024 * 1024
_ATTEMPTS: Final = 5
_GROWTH: Final = 1.5
_JITTER: Final = 0.2


@valueclass
class RetryPolicy:
    """After which errors a call is repeated; the first pause in seconds."""

    repeats: Callable[[WebhookError], bool]
    first_pause: float


class KubeconfigWebhook:
    """A webhook; ``timeout`` is that of one call, in seconds."""

    def __init__(
        self, connection: KubeconfigConnection, retries: RetryPolicy, *, timeout: float
    ) -> None:
        self._client = WebhookClient(_NoServices(), lambda _: connection.credentials)
        self._server = connection.server
        self._retries = retries
        self._timeout = timeout

    async def post(self, body: bytes) -> bytes:
        """Return the response to a JSON document, another one. Raises WebhookError."""
        pause = self._retries.first_pause
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._post_once(body)
            except WebhookError as error:
                if not self._retries.repeats(error):
                    raise
            await asyncio.sleep(pause * (1 + _JITTER * random.random()))  # noqa: S311
            pause *= _GROWTH
        return await self._post_once(body)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _post_once(self, body: bytes) -> bytes:
        return await self._client.post(
            self._server, body, timeout=self._timeout, max_bytes=MAX_BYTES
        )


class _NoServices:
    """Resolves nothing: the server of a kubeconfig has a URL."""

    async def resolve(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        raise OSError(f"service {name} not found")
