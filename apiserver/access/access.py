"""Access: who may come in, and what they may do, on one server."""

from __future__ import annotations

from dataclasses import dataclass

from apiserver.access.authentication.chain import Chain
from apiserver.access.authorization.union import Union
from apiserver.access.serviceaccounts.tokens import ServiceAccountTokens


@dataclass(frozen=True, slots=True)
class Access:
    """What filters ask about every request, and reviews about others."""

    authenticator: Chain
    authorizer: Union
    tokens: ServiceAccountTokens
