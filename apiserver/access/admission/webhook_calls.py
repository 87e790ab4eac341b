"""Calls of admission webhooks: matching, requests and responses.

A webhook that cannot be called, or whose response is invalid, fails the request or is ignored, as
its failurePolicy says. A denial always counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, TypeVar

from apiserver.access.admission.admission_request import MatchedRequest
from apiserver.access.admission.admission_review import (
    AdmissionResponse,
    InvalidResponse,
    denial,
    read_response,
    review_body,
)
from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.in_thread import InThread
from apiserver.access.admission.matching import ResourceVersion, ResourceVersions
from apiserver.access.admission.webhooks import Webhook
from apiserver.access.authorization.authorizer import Authorizer
from apiserver.client.client import Reader
from apiserver.client.webhook import WebhookClient, WebhookConfigError
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.errors import BadRequest, InternalError, Timeout
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.uids import new_uid
from apiserver.machinery.valueclasses import valueclass

if TYPE_CHECKING:
    from apiserver.access.admission.evaluating import ExpressionEvaluator

#: By how much timers of the event loop, which count milliseconds, may be early.
_EARLY_SECONDS: Final = 0.005
_TIMED_OUT: Final = "request did not complete within requested timeout - context deadline exceeded"

#: How many bytes are worked on without a thread.
_SMALL: Final = 48 * 1024

R = TypeVar("R")

log = logging.getLogger(__name__)


class WebhookCallError(Exception):
    """A webhook could not be called, or its response is invalid; the message says why."""


@valueclass
class WebhookDependencies:
    """The dependencies of webhook calls on the rest of the server."""

    client: WebhookClient
    versions: ResourceVersions
    authorizer: Authorizer
    in_thread: InThread


class WebhookRequest:
    """One write, for all webhooks of a sort."""

    def __init__(
        self, attributes: AdmissionAttributes, reader: Reader, dependencies: WebhookDependencies
    ) -> None:
        self.attributes = attributes
        self.own = ResourceVersion(attributes.gvr, attributes.gvk)
        #: How many bytes the last review had.
        self.size = 0
        self._reader = reader
        self._dependencies = dependencies

    async def matched(
        self, hook: Webhook, equivalents: Sequence[ResourceVersion]
    ) -> MatchedRequest | None:
        """Return the write as a webhook gets it, ``None`` if the webhook does not apply to it.

        Raises Forbidden if its match conditions fail, InternalError if the object cannot be
        converted.
        """
        attributes, match = self.attributes, hook.match
        version = match.version(attributes, equivalents)
        if version is None or not match.selects_object(attributes):
            return None
        if not match.selects_namespace(attributes, self._reader):
            return None
        matched = MatchedRequest(
            version,
            await self._converted(attributes.object, version),
            await self._converted(attributes.old_object, version),
        )
        if hook.conditions and not await self._meets_conditions(hook, matched):
            return None
        return matched

    async def _converted(self, document: Object | None, version: ResourceVersion) -> Object | None:
        if document is None or version == self.own:
            return document
        return await self._dependencies.versions.convert(document, self.own, version)

    async def _meets_conditions(self, hook: Webhook, matched: MatchedRequest) -> bool:
        # These load the expression language.
        from apiserver.access.admission.request_values import namespace_of_request, request_values
        from apiserver.cel.matchconditions import ConditionError

        if not hook.is_compiled:
            await self._dependencies.in_thread(lambda: hook.match_conditions)
        conditions, evaluator = hook.match_conditions, self._evaluator
        namespace = namespace_of_request(self.attributes, self._reader)
        values = request_values(self.attributes, matched, namespace, evaluator.authorizers)
        try:
            return await evaluator.run(
                lambda allowance: conditions.match(values, allowance, fails=hook.fails)
            )
        except ConditionError as error:
            raise self.attributes.forbidden(str(error)) from error

    @cached_property
    def _evaluator(self) -> ExpressionEvaluator:
        from apiserver.access.admission.evaluating import ExpressionEvaluator

        dependencies = self._dependencies
        return ExpressionEvaluator(self.attributes, dependencies.authorizer, dependencies.in_thread)

    async def ask(
        self, hook: Webhook, matched: MatchedRequest, *, mutating: bool
    ) -> AdmissionResponse:
        """Return the response of a webhook that allows the write.

        Raises ForwardedStatus if it does not, WebhookCallError, BadRequest for a dry run that the
        webhook does not support, and Timeout.
        """
        attributes = self.attributes
        if attributes.dry_run and not hook.supports_dry_run:
            raise BadRequest(f"admission webhook {quote(hook.name)} does not support dry run")
        if not hook.review_version:
            raise WebhookCallError(
                "could not create admission objects: webhook does not accept known "
                "AdmissionReview versions (v1, v1beta1)"
            )
        uid = new_uid()
        body = review_body(hook.review_version, uid, attributes, matched)
        self.size = len(body)
        try:
            answer = await self._dependencies.client.post(
                hook.client, body, timeout=self._timeout(hook)
            )
            read = partial(read_response, answer, hook.review_version, uid, mutating=mutating)
            response = await self.run(len(answer), read)
        except WebhookConfigError as error:
            raise WebhookCallError(f"could not get REST client: {error}") from error
        except WebhookError as error:
            self._check_deadline()
            raise WebhookCallError(f"failed to call webhook: {error}") from error
        except InvalidResponse as error:
            raise WebhookCallError(f"received invalid webhook response: {error}") from error
        for key, value in response.annotations.items():
            attributes.annotate(f"{hook.name}/{key}", value)
        for text in filter(None, response.warnings):
            attributes.warn(text)
        if not response.allowed:
            raise denial(hook.name, response.result)
        return response

    async def run(self, size: int, work: Callable[[], R]) -> R:
        """Return the result of pure work on ``size`` bytes, in a thread if they are many."""
        if size <= _SMALL:
            return work()
        return await self._dependencies.in_thread(work)

    def _timeout(self, hook: Webhook) -> float:
        deadline = self.attributes.deadline
        if deadline is None:
            return hook.timeout
        self._check_deadline()
        return min(hook.timeout, deadline - asyncio.get_running_loop().time())

    def _check_deadline(self) -> None:
        deadline = self.attributes.deadline
        now = asyncio.get_running_loop().time()
        if deadline is not None and now >= deadline - _EARLY_SECONDS:
            raise Timeout(_TIMED_OUT, {})

    def handle_failure(self, hook: Webhook, error: WebhookCallError, annotation: str) -> None:
        """Ignore the failure of a webhook, or raise InternalError, as its failurePolicy says."""
        text = f"failed calling webhook {quote(hook.name)}: {error}"
        log.warning("%s", text)
        if hook.fails:
            raise InternalError(text) from error
        self.attributes.annotate(annotation, hook.name)
