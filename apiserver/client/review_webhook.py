"""ReviewWebhook: sends reviews (TokenReview, SubjectAccessReview, ImageReview) to a webhook.

A call that fails in passing is repeated, as in Kubernetes: up to four times, with pauses that begin
at half a second and grow.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Final

from apiserver.client.kubeconfig_file import KubeconfigConnection
from apiserver.client.webhook import WebhookClient
from apiserver.client.webhook_responses import WebhookError, parse_review
from apiserver.machinery.documents import dump_json

#: How large an answer may be, in bytes.
MOST_BYTES: Final = 1024 * 1024
_REPEATED: Final = (429, 500, 504)
_ATTEMPTS: Final = 5
_FIRST_PAUSE: Final = 0.5
_GROWTH: Final = 1.5
_JITTER: Final = 0.2


class ReviewWebhook:
    """Reviews of one kind. ``versions``: the first is sent and wanted, the others are known.

    ``timeout`` and ``first_pause``, that before the first repetition, are in seconds.
    """

    def __init__(
        self,
        connection: KubeconfigConnection,
        kind: str,
        group: str,
        versions: Sequence[str],
        *,
        timeout: float,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self._client = WebhookClient(_NoServices(), lambda _: connection.credentials)
        self._server = connection.server
        self._kind = kind
        self._group = group
        self._versions = versions
        self._timeout = timeout
        self._first_pause = first_pause

    async def review(self, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        """Return the status that the webhook gives to a review. Raises WebhookError.

        ``status`` is that of the review that is sent.
        """
        body = dump_json({
            "kind": self._kind,
            "apiVersion": f"{self._group}/{self._versions[0]}",
            "metadata": {},
            "spec": spec,
            "status": status,
        })  # fmt: skip
        answer = parse_review(await self._post(body), self._kind, self._group, self._versions).get(
            "status"
        )
        if answer is None:
            return {}
        if not isinstance(answer, dict):
            raise WebhookError("the status of the review is not an object")
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _post(self, body: bytes) -> bytes:
        pause = self._first_pause
        for attempt in range(_ATTEMPTS):
            try:
                return await self._client.post(
                    self._server, body, timeout=self._timeout, max_bytes=MOST_BYTES
                )
            except WebhookError as error:
                if error.status not in _REPEATED or attempt == _ATTEMPTS - 1:
                    raise
            jitter = _JITTER * random.random()  # noqa: S311
            await asyncio.sleep(pause * (1 + jitter))
            pause *= _GROWTH
        raise AssertionError


class _NoServices:
    def resolve(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        raise OSError(f"service {name} not found")
