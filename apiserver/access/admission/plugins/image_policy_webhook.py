"""ImagePolicyWebhook: a webhook decides whether the images of a Pod may run.

It gets an ImageReview with the images, the annotations that are meant for it, and the namespace.
Its answers count for a while. While it fails, the configuration says whether a Pod is allowed.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Final, Protocol

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.result_cache import ResultCache
from apiserver.client.client import Reader
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.builtin_resources import PODS
from apiserver.machinery.documents import dump_json
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.names import label_key_problems
from apiserver.machinery.objects import Object, annotations_of
from apiserver.machinery.valueclasses import valueclass

NAME: Final = "ImagePolicyWebhook"
_EPHEMERAL: Final = "ephemeralcontainers"
_MEANT_FOR_IT: Final = ".image-policy.k8s.io/"
_AUDIT: Final = "imagepolicywebhook.image-policy.k8s.io/"
#: How many answers are kept.
_MAX_CACHED: Final = 1024

log = logging.getLogger(__name__)


class ImageReviewer(Protocol):
    """Answers ImageReviews."""

    async def review(self, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        """Return the status of a review. Raises WebhookError."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


@valueclass
class ImageVerdict:
    """The answer of the webhook."""

    allowed: bool
    reason: str
    audit_annotations: dict[str, str]


class ImageReviews:
    """Calls the webhook, and caches allowed and denied reviews for so many seconds.

    ``default_allow``: whether images are allowed while the webhook fails.
    """

    def __init__(
        self, reviewer: ImageReviewer, allow_ttl: float, deny_ttl: float, *, default_allow: bool
    ) -> None:
        self._reviewer = reviewer
        self.default_allow = default_allow
        self._kept: ResultCache[bytes, ImageVerdict] = ResultCache(
            lambda verdict: allow_ttl if verdict.allowed else deny_ttl, max_results=_MAX_CACHED
        )

    async def verdict(self, spec: dict[str, Any]) -> ImageVerdict:
        """Return the response of the webhook. Raises WebhookError."""
        # Clients choose how long reviews are.
        key = hashlib.sha256(dump_json(spec)).digest()
        return await self._kept.get(key, lambda: self._ask(spec))

    async def close(self) -> None:
        """Cancel all calls, and close the connections."""
        await self._kept.close()
        await self._reviewer.close()

    async def _ask(self, spec: dict[str, Any]) -> ImageVerdict:
        status = await self._reviewer.review(spec, {"allowed": False})
        allowed, reason = status.get("allowed") or False, status.get("reason") or ""
        annotations = status.get("auditAnnotations") or {}
        if (
            not isinstance(allowed, bool)
            or not isinstance(reason, str)
            or not isinstance(annotations, dict)
            or not all(isinstance(value, str) for value in annotations.values())
        ):
            raise WebhookError("the status of the review has members of other types")
        return ImageVerdict(allowed, reason, annotations)


class ImagePolicyWebhook:
    """Rejects Pods with images that the webhook denies."""

    name = NAME

    def __init__(self, reviews: ImageReviews) -> None:
        self._reviews = reviews

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return (
            resource == PODS and operation in (CREATE, UPDATE) and subresource in ("", _EPHEMERAL)
        )

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        pod = attributes.object
        assert pod is not None
        try:
            verdict = await self._reviews.verdict(_review(attributes, pod))
        except WebhookError as error:
            log.info("error contacting webhook backend: %s", error)
            if not self._reviews.default_allow:
                raise attributes.forbidden(str(error)) from error
            attributes.annotate(f"{_AUDIT}failed-open", "true")
            return
        for key, value in verdict.audit_annotations.items():
            if not label_key_problems(_AUDIT + key):
                attributes.annotate(_AUDIT + key, value)
        if not verdict.allowed:
            raise attributes.forbidden(
                f"image policy webhook backend denied one or more images: {verdict.reason}"
                if verdict.reason
                else "one or more images rejected by webhook backend"
            )


def _review(attributes: AdmissionAttributes, pod: Object) -> dict[str, Any]:
    is_ephemeral = attributes.subresource == _EPHEMERAL
    parts = ("ephemeralContainers",) if is_ephemeral else ("containers", "initContainers")
    containers = [
        {"image": each["image"]} if each.get("image") else {}
        for part in parts
        for each in pod["spec"].get(part) or ()
    ]
    annotations = {key: value for key, value in annotations_of(pod).items() if _MEANT_FOR_IT in key}
    spec: dict[str, Any] = {"containers": containers} if containers else {}
    if annotations:
        spec["annotations"] = dict(sorted(annotations.items()))
    return {**spec, "namespace": attributes.namespace}
