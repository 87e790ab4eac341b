"""The authorization modes of ``--authorization-mode``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from apiserver.access.authorization.authorizer import (
    ALLOWED,
    AuthorizationAttributes,
    AuthorizationDecision,
    Authorizer,
    Verdict,
)
from apiserver.access.authorization.resolved_rules import EVERYTHING, Rules
from apiserver.access.authorization.union_authorizer import UnionAuthorizer
from apiserver.machinery.users import UserInfo

ALWAYS_ALLOW: Final = "AlwaysAllow"
ALWAYS_DENY: Final = "AlwaysDeny"
RBAC: Final = "RBAC"
NODE: Final = "Node"
WEBHOOK: Final = "Webhook"
MODES: Final = (ALWAYS_ALLOW, ALWAYS_DENY, RBAC, NODE, WEBHOOK)
#: A mode of Kubernetes that is not implemented.
ABAC: Final = "ABAC"

_FORBIDDEN: Final = AuthorizationDecision(Verdict.NO_OPINION, "Everything is forbidden.")


class AlwaysAllow:
    """Allows every request."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        """Allow."""
        return ALLOWED

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """Return a rule that allows everything."""
        return EVERYTHING


class AlwaysDeny:
    """Allows no request."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        """Return no opinion, with a reason."""
        return _FORBIDDEN

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """Return no rules."""
        return Rules()


#: The authorizers of the modes that need nothing.
ALWAYS: Final[Mapping[str, Authorizer]] = {ALWAYS_ALLOW: AlwaysAllow(), ALWAYS_DENY: AlwaysDeny()}


def authorizer_of(modes: Sequence[str], stored: Mapping[str, Authorizer]) -> UnionAuthorizer:
    """Return the authorizer of these modes, in this order. Raises KeyError.

    ``stored`` are the authorizers of the modes that decide by stored objects.
    """
    known: dict[str, Authorizer] = {**ALWAYS, **stored}
    return UnionAuthorizer([known[mode] for mode in modes])
