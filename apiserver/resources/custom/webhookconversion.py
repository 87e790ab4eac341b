"""Conversion between the versions of a custom kind by a webhook.

Many objects are converted by one request. kube-apiserver sends them one by one, so that webhooks
may not know better, and an error concerns one object: if a webhook does not convert several objects
as it should, it is asked for each of them. Nothing is repeated if it could not be called.

Ownership is computed in the versions of all managers, by code that cannot wait. It gets the answers
of the webhook from `apiserver.schema.answers`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Final

import orjson

from apiserver.client.webhook import WebhookClient, WebhookClientConfig
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.objects import Object
from apiserver.machinery.uids import new_uid
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.conversion import Conversion, Uncalled
from apiserver.resources.custom.conversionreview import (
    ConversionReview,
    described_failure,
    review_version,
)
from apiserver.resources.custom.versionconversion import VersionConversion
from apiserver.schema.answers import require
from apiserver.schema.kindtypes import Inconvertible

_TIMEOUT: Final = 30.0
#: The members of an object that has nothing to convert, as apply starts from.
_IDENTITY: Final = frozenset(["apiVersion", "kind", "metadata"])


class WebhookConverter:
    """Asks the webhook of a kind; ``webhook`` is that of ``spec.conversion`` of its definition."""

    def __init__(self, webhook: Object, client: WebhookClient) -> None:
        self._webhook = webhook
        self._client = client

    async def ask(
        self, documents: Sequence[Object], api_version: str
    ) -> AsyncGenerator[Object, None]:
        """Yield the objects in another version, as `BatchConversion.ask` does."""
        try:
            found = await self._ask_once(documents, api_version)
        except Uncalled:
            raise
        except Inconvertible:
            if len(documents) == 1:
                raise
        else:
            for each in found:
                yield each
            return
        for each in documents:
            (converted,) = await self._ask_once([each], api_version)
            yield converted

    async def _ask_once(self, documents: Sequence[Object], api_version: str) -> Sequence[Object]:
        version = review_version(self._webhook.get("conversionReviewVersions") or ())
        review = ConversionReview(version, new_uid(), api_version, documents)
        config = WebhookClientConfig.of(self._webhook["clientConfig"])
        try:
            answer = await self._client.post(config, review.body, timeout=_TIMEOUT)
        except WebhookError as error:
            raise Uncalled(described_failure(documents[0], error)) from error
        return await self._client.offload(len(answer), partial(review.converted, answer))

    def convert(self, document: Object, api_version: str) -> Object:
        """Return one object in another version. Raises Inconvertible, and Unanswered at first."""
        if document.keys() <= _IDENTITY and not document.get("metadata"):
            return {**document, "apiVersion": api_version}
        key = id(self), api_version, orjson.dumps(document)
        return require(key, partial(self._ask_for_one, document, api_version))

    async def _ask_for_one(self, document: Object, api_version: str) -> Object:
        (converted,) = await self._ask_once([document], api_version)
        return converted


@valueclass
class WebhookConversion(VersionConversion):
    """Conversion between a served version and the stored one by a webhook."""

    webhook: WebhookConverter

    def both_ways(self) -> Conversion:
        return Conversion(self.to_stored, self.to_served, self, self.settled)

    def ask(self, documents: Sequence[Object], api_version: str) -> AsyncGenerator[Object, None]:
        """Yield the objects in another version, as `BatchConversion.ask` does."""
        return self.webhook.ask(documents, api_version)
