"""Access: the authenticator, the authorizer and the service account tokens of a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeAlias

from apiserver.access.authentication.authenticator import RequestAuthenticator
from apiserver.access.authorization.node_graph import NodeGraph
from apiserver.access.authorization.rbac_index import RBACIndex
from apiserver.access.authorization.union_authorizer import UnionAuthorizer
from apiserver.access.loaded_files import LoadedFiles
from apiserver.access.serviceaccounts.issuer import KEYS, IssuerDocuments
from apiserver.access.serviceaccounts.tokens import ServiceAccountTokens
from apiserver.machinery.valueclasses import valueclass

#: Background tasks, which run while a block does.
Service: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


@valueclass
class Access:
    """The authenticator, the authorizer and the token issuer of a server, for filters and reviews.

    ``key_set_url`` is the published URL of the token keys; empty: it is on this server. ``rbac``
    and ``nodes``, if an authorizer uses it, are to be kept in step with the stored objects.
    ``files`` are those that it was built from.
    """

    authenticator: RequestAuthenticator
    authorizer: UnionAuthorizer
    tokens: ServiceAccountTokens
    rbac: RBACIndex
    nodes: NodeGraph | None = None
    key_set_url: str = ""
    files: Sequence[LoadedFiles] = ()
    services: Sequence[Service] = ()

    def issuer_documents(self, address: str) -> IssuerDocuments:
        """Return the discovery documents of the token issuer, for a server at ``address``."""
        url = self.key_set_url or f"https://{address}{KEYS}"
        return IssuerDocuments(self.tokens.policy.issuers[0], url, self.tokens.keys)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the services while the block runs."""
        async with AsyncExitStack() as stack:
            for service in self.services:
                await stack.enter_async_context(service())
            yield
