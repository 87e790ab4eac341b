"""Access: who may come in, and what they may do, on one server."""

from __future__ import annotations

from dataclasses import dataclass

from apiserver.access.authentication.authenticator import RequestAuthenticator
from apiserver.access.authorization.union_authorizer import UnionAuthorizer
from apiserver.access.serviceaccounts.issuer import KEYS, IssuerDocuments
from apiserver.access.serviceaccounts.tokens import ServiceAccountTokens


@dataclass(frozen=True, slots=True)
class Access:
    """What filters ask about every request, and reviews about others.

    ``key_set_url`` is where others find the keys of tokens; empty: on this server.
    """

    authenticator: RequestAuthenticator
    authorizer: UnionAuthorizer
    tokens: ServiceAccountTokens
    key_set_url: str = ""

    def issuer_documents(self, address: str) -> IssuerDocuments:
        """Return what others are told of the issuer of tokens by a server at ``address``."""
        url = self.key_set_url or f"https://{address}{KEYS}"
        return IssuerDocuments(self.tokens.policy.issuers[0], url, self.tokens.keys)
