"""The authorization modes of ``--authorization-mode``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from apiserver.access.authorization.authorizer import (
    ALLOWED,
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
    Authorizer,
    Verdict,
)
from apiserver.access.authorization.resolved_rules import EVERYTHING, NonResourceRule, Rules
from apiserver.access.authorization.union_authorizer import UnionAuthorizer
from apiserver.machinery.users import MASTERS, UserInfo

ALWAYS_ALLOW: Final = "AlwaysAllow"
ALWAYS_DENY: Final = "AlwaysDeny"
RBAC: Final = "RBAC"
#: Upstream grants kubelets access to objects of their node. The mode is accepted for
#: compatibility and grants nothing: there are no kubelets here.
NODE: Final = "Node"

# The paths of the role system:public-info-viewer, granted to all users.
_PUBLIC_PATHS: Final = frozenset(["/healthz", "/livez", "/readyz", "/version", "/version/"])
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


class PublicPaths:
    """Allows everyone to read health and version, and nothing else."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        """Allow a GET of a public path."""
        if attributes.is_resource_request or attributes.verb != "get":
            return NO_OPINION
        return ALLOWED if attributes.path in _PUBLIC_PATHS else NO_OPINION

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """Return the public paths; for a member of system:masters, everything."""
        if MASTERS in user.groups:
            return EVERYTHING
        public = NonResourceRule(("get",), tuple(sorted(_PUBLIC_PATHS)))
        return Rules(non_resource_rules=[public])


MODES: Final[Mapping[str, Callable[[], Authorizer]]] = {
    ALWAYS_ALLOW: AlwaysAllow,
    ALWAYS_DENY: AlwaysDeny,
    RBAC: PublicPaths,
}


def authorizer_of(modes: Sequence[str]) -> UnionAuthorizer:
    """Return the authorizer of these modes, in this order. Raises KeyError."""
    return UnionAuthorizer([MODES[mode]() for mode in modes if mode != NODE])
