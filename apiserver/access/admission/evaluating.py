"""Evaluates expressions about a write: with the authorizer, and without blocking the event loop.

Evaluations are pure, so they can start again: after the authorizer has made a decision that they
need, or in a thread, if they take longer than the event loop may be blocked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.in_thread import InThread
from apiserver.access.authorization.authorizer import AuthorizationAttributes, Authorizer, Verdict
from apiserver.cel import authorizervalues
from apiserver.cel.authorizervalues import Check, Decision, DecisionNeeded, Decisions
from apiserver.cel.requestevaluation import Allowance, TooSlowError
from apiserver.machinery.errors import StatusError
from apiserver.machinery.fieldselectors import FieldSelector, parse_field_selector
from apiserver.machinery.labels import SelectorError
from apiserver.machinery.users import UserInfo, account_user

R = TypeVar("R")


class ExpressionEvaluator:
    """Evaluates expressions about one write. Every decision of the authorizer is made once."""

    def __init__(
        self, attributes: AdmissionAttributes, authorizer: Authorizer, in_thread: InThread
    ) -> None:
        self._user = attributes.user
        self._authorizer = authorizer
        self._in_thread = in_thread
        self._decisions = Decisions()
        self._slow = False
        self._allowance = Allowance.of_loop()
        self.authorizers: Mapping[str, Any] = {
            "authorizer": authorizervalues.AuthorizerValue(self._decisions),
            "authorizer.requestResource": authorizervalues.request_resource_check(
                self._decisions,
                Check(
                    group=attributes.gvr.group,
                    resource=attributes.gvr.resource,
                    subresource=attributes.subresource,
                    namespace=attributes.namespace,
                    name=attributes.name,
                ),
            ),
        }

    async def run(self, work: Callable[[Allowance], R]) -> R:
        """Return the result of an evaluation, which may be begun several times."""
        while True:
            try:
                if self._slow:
                    return await self._in_thread(lambda: work(Allowance.of_thread()))
                return work(self._allowance)
            except DecisionNeeded as needed:
                self._decisions.known[needed.check] = await self._decide(needed.check)
            except TooSlowError:
                self._slow = True

    async def _decide(self, check: Check) -> Decision:
        try:
            decision = await self._authorizer.authorize(_attributes(check, self._user))
        except StatusError as error:
            return Decision(allowed=False, error=str(error))
        return Decision(decision.verdict is Verdict.ALLOW, decision.reason)


def _attributes(check: Check, user: UserInfo) -> AuthorizationAttributes:
    if check.service_account is not None:
        user = account_user(*check.service_account)
    if check.path:
        return AuthorizationAttributes(user, check.verb, check.path, is_resource_request=False)
    return AuthorizationAttributes(
        user,
        check.verb,
        path="",
        is_resource_request=True,
        group=check.group,
        version="*",
        resource=check.resource,
        subresource=check.subresource,
        namespace=check.namespace,
        name=check.name,
        fields=_field_selector(check.field_selector),
        labels=check.label_selector,
    )


def _field_selector(text: str) -> FieldSelector | None:
    """Return a selector; one that cannot be parsed is left out of the check."""
    try:
        return parse_field_selector(text) if text else None
    except SelectorError:
        return None
