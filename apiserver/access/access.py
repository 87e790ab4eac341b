"""Access: the authenticator, the authorizer and the service account tokens of a server."""

from __future__ import annotations

from dataclasses import dataclass

from apiserver.access.authentication.authenticator import RequestAuthenticator
from apiserver.access.authentication.token_file import StaticTokens
from apiserver.access.authorization.node_graph import NodeGraph
from apiserver.access.authorization.rbac_index import RBACIndex
from apiserver.access.authorization.union_authorizer import UnionAuthorizer
from apiserver.access.serviceaccounts.issuer import KEYS, IssuerDocuments
from apiserver.access.serviceaccounts.tokens import ServiceAccountTokens


@dataclass(frozen=True, slots=True)
class Access:
    """What filters use for every request, and reviews for requests to other servers.

    ``key_set_url`` is the published URL of the token keys; empty: it is on this server.
    ``static_tokens`` are those of the token file, if there is one. ``rbac`` and ``nodes``, if an
    authorizer uses it, are to be kept in step with the stored objects.
    """

    authenticator: RequestAuthenticator
    authorizer: UnionAuthorizer
    tokens: ServiceAccountTokens
    rbac: RBACIndex
    nodes: NodeGraph | None = None
    key_set_url: str = ""
    static_tokens: StaticTokens | None = None

    def issuer_documents(self, address: str) -> IssuerDocuments:
        """Return the discovery documents of the token issuer, for a server at ``address``."""
        url = self.key_set_url or f"https://{address}{KEYS}"
        return IssuerDocuments(self.tokens.policy.issuers[0], url, self.tokens.keys)
