"""ValidatingAdmissionWebhook: asks webhooks, all at the same time, whether a write is allowed."""

from __future__ import annotations

import asyncio
from typing import Final

from apiserver.access.admission.admission_request import MatchedRequest
from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.indexed_plugin import IndexedPlugin
from apiserver.access.admission.webhook_calls import (
    WebhookCallError,
    WebhookDependencies,
    WebhookRequest,
)
from apiserver.access.admission.webhooks import Webhook
from apiserver.client.client import Reader
from apiserver.machinery.errors import StatusError

_FAILED_OPEN: Final = "failed-open.validating.webhook.admission.k8s.io/round_0_index_"


class ValidatingAdmissionWebhook(IndexedPlugin[Webhook, WebhookDependencies]):
    """Rejects what webhooks deny."""

    name = "ValidatingAdmissionWebhook"

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        candidates = self._candidates(attributes)
        request = WebhookRequest(attributes, reader, self._dependencies)
        asked = []
        for hook in candidates.items:
            matched = await request.matched(hook, candidates.equivalents)
            if matched is not None:
                asked.append((hook, matched))
        # All webhooks are called. The first error is the response.
        errors: list[StatusError] = []
        async with asyncio.TaskGroup() as group:
            for hook, matched in asked[1:]:
                group.create_task(_ask(request, hook, matched, errors))
            for hook, matched in asked[:1]:
                await _ask(request, hook, matched, errors)
        if errors:
            raise errors[0]


async def _ask(
    request: WebhookRequest, hook: Webhook, matched: MatchedRequest, errors: list[StatusError]
) -> None:
    try:
        await request.ask(hook, matched, mutating=False)
    except WebhookCallError as error:
        try:
            request.handle_failure(hook, error, f"{_FAILED_OPEN}{hook.index}")
        except StatusError as failure:
            errors.append(failure)
    except StatusError as error:
        errors.append(error)
