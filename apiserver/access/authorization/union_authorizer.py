"""UnionAuthorizer: asks authorizers in order until one allows or denies."""

from __future__ import annotations

from collections.abc import Sequence

from apiserver.access.authorization.authorizer import (
    ALLOWED,
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
    Authorizer,
    Verdict,
)
from apiserver.access.authorization.resolved_rules import RuleResolver, Rules, merge_rules
from apiserver.machinery.users import MASTERS, UserInfo


class UnionAuthorizer:
    """Allows everything to system:masters, and asks ``authorizers`` about other users."""

    def __init__(self, authorizers: Sequence[Authorizer]) -> None:
        self._authorizers = authorizers

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        """Return the first allow or deny; else no opinion, with all reasons and errors."""
        if MASTERS in attributes.user.groups:
            return ALLOWED
        reasons = []
        errors = []
        for authorizer in self._authorizers:
            decision = await authorizer.authorize(attributes)
            if decision.verdict is not Verdict.NO_OPINION:
                return decision
            if decision.reason:
                reasons.append(decision.reason)
            if decision.error:
                errors.append(decision.error)
        if not reasons and not errors:
            return NO_OPINION
        error = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]" if errors else ""
        return AuthorizationDecision(Verdict.NO_OPINION, "\n".join(reasons), error)

    def replace(self, authorizers: Sequence[Authorizer]) -> None:
        """Ask other authorizers from now on."""
        self._authorizers = authorizers

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """Return the rules of all authorizers that can list them."""
        return merge_rules(
            [
                await authorizer.rules_for(user, namespace)
                for authorizer in self._authorizers
                if isinstance(authorizer, RuleResolver)
            ]
        )
