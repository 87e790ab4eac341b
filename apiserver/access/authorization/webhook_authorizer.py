"""WebhookAuthorizer: asks a webhook about each request, and keeps its answers for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from apiserver.access.authorization.access_review import decision_of, review_spec
from apiserver.access.authorization.authorizer import (
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
    Verdict,
)
from apiserver.access.authorization.resolved_rules import Rules
from apiserver.access.result_cache import ResultCache
from apiserver.client.webhook_responses import WebhookError
from apiserver.machinery.documents import dump_json_to_keep
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

if TYPE_CHECKING:
    from apiserver.access.authorization.review_conditions import ReviewConditions

log = logging.getLogger(__name__)

#: Responses to longer reviews are not cached: clients determine the length.
_LONGEST_KEPT: Final = 10_000
#: Conditions on longer reviews are evaluated beside the event loop, in bytes.
_LONG: Final = 2_000
_NO_RULES: Final = "webhook authorizer does not support user rule resolution"


class Reviewer(Protocol):
    """Answers reviews."""

    async def review(self, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        """Return the status of a review. Raises WebhookError."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


@valueclass
class WebhookPolicy:
    """How the answers of a webhook count.

    ``allowed_seconds`` and ``refused_seconds`` are how long they are kept, 0 for not at all.
    ``on_error`` is the decision if there is no answer.
    """

    allowed_seconds: float
    refused_seconds: float
    on_error: Verdict = Verdict.NO_OPINION


class WebhookAuthorizer:
    """The decisions of one webhook; without ``conditions`` it is asked about all requests."""

    def __init__(
        self,
        reviewer: Reviewer,
        policy: WebhookPolicy,
        conditions: ReviewConditions | None = None,
    ) -> None:
        self._reviewer = reviewer
        self._policy = policy
        self._conditions = conditions
        self._kept: ResultCache[bytes, AuthorizationDecision] = ResultCache(self._lifetime)

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        """Return the decision of the webhook, or that on an error."""
        spec = review_spec(attributes)
        key = dump_json_to_keep(spec)
        if self._conditions is not None:
            matched = await self._match(self._conditions, spec, len(key))
            if matched is not None:
                return matched
        try:
            if len(key) > _LONGEST_KEPT:
                return await self._ask(spec)
            return await self._kept.get(key, lambda: self._ask(spec))
        except WebhookError as error:
            log.warning("failed to make webhook authorizer request: %s", error)
            return self._failed(str(error))

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """Return that the rules of a webhook cannot be listed."""
        return Rules(incomplete=True, errors=[_NO_RULES])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Close the connections at the end of the block."""
        try:
            yield
        finally:
            await self.close()

    async def close(self) -> None:
        """Cancel all calls, and close the connections."""
        await self._kept.close()
        await self._reviewer.close()

    async def _match(
        self, conditions: ReviewConditions, spec: dict[str, Any], size: int
    ) -> AuthorizationDecision | None:
        """Return the decision on a request that the webhook is not asked about."""
        from apiserver.access.authorization.review_conditions import ReviewConditionError

        try:
            if size > _LONG:
                matches = await asyncio.to_thread(conditions.match, spec)
            else:
                matches = conditions.match(spec)
        except ReviewConditionError as error:
            return self._failed(str(error))
        return None if matches else NO_OPINION

    async def _ask(self, spec: dict[str, Any]) -> AuthorizationDecision:
        return decision_of(await self._reviewer.review(spec, {"allowed": False}))

    def _failed(self, why: str) -> AuthorizationDecision:
        return AuthorizationDecision(self._policy.on_error, error=why)

    def _lifetime(self, decision: AuthorizationDecision) -> float:
        policy = self._policy
        allowed = decision.verdict is Verdict.ALLOW
        return policy.allowed_seconds if allowed else policy.refused_seconds
