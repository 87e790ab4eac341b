"""ReviewWebhook: sends reviews (TokenReview, SubjectAccessReview, ImageReview) to a webhook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apiserver.client.kubeconfig_file import KubeconfigConnection
from apiserver.client.kubeconfig_webhook import KubeconfigWebhook, RetryPolicy
from apiserver.client.webhook_responses import WebhookError, parse_review
from apiserver.machinery.documents import dump_json

#: Status codes of transient errors. A webhook with another one asks for a repetition itself.
_REPEATED: Final = (429, 500, 504)
_FIRST_PAUSE: Final = 0.5


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
        retries = RetryPolicy(_is_transient, first_pause)
        self._webhook = KubeconfigWebhook(connection, retries, timeout=timeout)
        self._kind = kind
        self._group = group
        self._versions = versions

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
        response = await self._webhook.post(body)
        answer = parse_review(response, self._kind, self._group, self._versions).get("status")
        if answer is None:
            return {}
        if not isinstance(answer, dict):
            raise WebhookError("the status of the review is not an object")
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._webhook.close()


def _is_transient(error: WebhookError) -> bool:
    return error.is_transient or error.status in _REPEATED
