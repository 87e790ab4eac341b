"""What every request passes through before its handler, one filter a module.

The order decides which refusal a client gets, so it stands here alone, outermost first:

    recovery        any exception becomes a Status; headers that every answer carries
    authentication  401
    authorization   403

What the URL is about is read before the first of them, since all need it.
"""

from __future__ import annotations

from apiserver.access.authentication.chain import Chain
from apiserver.access.authorization.attributes import Authorizer
from apiserver.endpoints.exchange import Handler
from apiserver.endpoints.filters.authentication import with_authentication
from apiserver.endpoints.filters.authorization import with_authorization
from apiserver.endpoints.filters.recovery import with_recovery


def filtered(handler: Handler, authenticator: Chain, authorizer: Authorizer) -> Handler:
    """Return ``handler`` behind all filters."""
    handler = with_authorization(handler, authorizer)
    handler = with_authentication(handler, authenticator)
    return with_recovery(handler)
