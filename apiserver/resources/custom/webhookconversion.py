"""Conversion between the versions of a custom kind by a webhook.

One request converts many objects. kube-apiserver sends one object in each request, so a webhook may
not expect more: if the response to several objects is not valid, each is sent again by itself. A
request that could not be sent is not repeated.

Ownership is computed in the versions of all managers, by code that cannot wait. It gets the objects
that the webhook has converted through `apiserver.schema.asyncresults`.
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
from apiserver.schema.asyncresults import require
from apiserver.schema.kindtypes import Inconvertible

_TIMEOUT: Final = 30.0
#: The members of an object that has nothing to convert, as apply starts from.
_IDENTITY: Final = frozenset(["apiVersion", "kind", "metadata"])


class WebhookConverter:
    """Calls the conversion webhook of a kind; ``webhook`` is ``spec.conversion.webhook``."""

    def __init__(self, webhook: Object, client: WebhookClient) -> None:
        self._webhook = webhook
        self._client = client

    async def convert_batch(
        self, documents: Sequence[Object], api_version: str
    ) -> AsyncGenerator[Object, None]:
        """Yield the objects in another version, as `BatchConversion.convert_batch` does."""
        try:
            found = await self._call_webhook(documents, api_version)
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
            (converted,) = await self._call_webhook([each], api_version)
            yield converted

    async def _call_webhook(
        self, documents: Sequence[Object], api_version: str
    ) -> Sequence[Object]:
        version = review_version(self._webhook.get("conversionReviewVersions") or ())
        review = ConversionReview(version, new_uid(), api_version, documents)
        config = WebhookClientConfig.of(self._webhook["clientConfig"])
        try:
            response = await self._client.post(config, review.body, timeout=_TIMEOUT)
        except WebhookError as error:
            raise Uncalled(described_failure(documents[0], error)) from error
        return await self._client.offload(len(response), partial(review.converted, response))

    def convert(self, document: Object, api_version: str) -> Object:
        """Return one object in another version. Raises Inconvertible, and ResultNeeded at first."""
        if document.keys() <= _IDENTITY and not document.get("metadata"):
            return {**document, "apiVersion": api_version}
        key = id(self), api_version, orjson.dumps(document)
        return require(key, partial(self._convert_one, document, api_version))

    async def _convert_one(self, document: Object, api_version: str) -> Object:
        (converted,) = await self._call_webhook([document], api_version)
        return converted


@valueclass
class WebhookConversion(VersionConversion):
    """Conversion between a served version and the stored one by a webhook."""

    webhook: WebhookConverter

    def both_ways(self) -> Conversion:
        return Conversion(self.to_stored, self.to_served, self, self.settled)

    def convert_batch(
        self, documents: Sequence[Object], api_version: str
    ) -> AsyncGenerator[Object, None]:
        """Yield the objects in another version, as `BatchConversion.convert_batch` does."""
        return self.webhook.convert_batch(documents, api_version)
