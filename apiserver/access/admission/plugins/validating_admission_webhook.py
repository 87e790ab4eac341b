"""ValidatingAdmissionWebhook: asks webhooks, all at the same time, whether a write is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from apiserver.access.admission.admission_request import MatchedRequest
from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.webhook_calls import CallError, WebhookDependencies, WebhookRequest
from apiserver.access.admission.webhooks import Webhook, WebhookConfigurations
from apiserver.client.client import Reader
from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionResource

_FAILED_OPEN: Final = "failed-open.validating.webhook.admission.k8s.io/round_0_index_"


class ValidatingAdmissionWebhook:
    """Rejects what webhooks deny."""

    name = "ValidatingAdmissionWebhook"

    def __init__(
        self, configurations: WebhookConfigurations, dependencies: WebhookDependencies
    ) -> None:
        self._configurations = configurations
        self._dependencies = dependencies

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return bool(self._configurations.candidates(operation, resource, subresource).items)

    def on_change(self, listener: Callable[[], None]) -> None:
        self._configurations.on_change(listener)

    def forget(self) -> None:
        self._configurations.forget()

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        candidates = self._configurations.candidates(
            attributes.operation, attributes.gvr, attributes.subresource
        )
        request = WebhookRequest(attributes, reader, self._dependencies)
        asked = []
        for hook in candidates.items:
            matched = await request.matched(hook, candidates.equivalents)
            if matched is not None:
                asked.append((hook, matched))
        # Every webhook is heard. Of several errors the one that came first is the response.
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
    except CallError as error:
        try:
            request.pass_over(hook, error, f"{_FAILED_OPEN}{hook.index}")
        except StatusError as failure:
            errors.append(failure)
    except StatusError as error:
        errors.append(error)
