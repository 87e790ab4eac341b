"""The filters that every request passes before its handler.

Their order decides which error a client gets. Outermost first:

    request_metrics   counts and times requests
    recovery          turns exceptions into a Status; adds common headers
    request_deadline  504
    authentication    401
    impersonation     400, 403; the user is another one from here on
    inserted          what another program puts in; nothing in a server of its own
    in_flight         429
    authorization     403

The URL is parsed before the first filter, because all of them need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from apiserver.access.authentication.authenticator import RequestAuthenticator
from apiserver.access.authorization.authorizer import Authorizer
from apiserver.access.impersonation.impersonator import Impersonator
from apiserver.endpoints.filters.authentication import with_authentication
from apiserver.endpoints.filters.authorization import with_authorization
from apiserver.endpoints.filters.impersonation import with_impersonation
from apiserver.endpoints.filters.in_flight import InFlightLimits, with_in_flight_limits
from apiserver.endpoints.filters.recovery import with_recovery
from apiserver.endpoints.filters.request_deadline import RequestDeadlines, with_deadline
from apiserver.endpoints.filters.request_metrics import with_request_metrics
from apiserver.endpoints.http_request import Handler
from apiserver.endpoints.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Filters:
    """The dependencies of the filters.

    ``inserted`` ones know the user of a request; of several the first is the innermost.
    """

    authenticator: RequestAuthenticator
    authorizer: Authorizer
    metrics: Metrics
    deadlines: RequestDeadlines = field(default_factory=RequestDeadlines)
    limits: InFlightLimits = field(default_factory=InFlightLimits)
    inserted: Sequence[Callable[[Handler], Handler]] = ()


def with_filters(handler: Handler, filters: Filters) -> Handler:
    """Return ``handler`` wrapped in all filters."""
    handler = with_authorization(handler, filters.authorizer)
    handler = with_in_flight_limits(handler, filters.limits)
    for insert in filters.inserted:
        handler = insert(handler)
    handler = with_impersonation(handler, Impersonator(filters.authorizer))
    handler = with_authentication(handler, filters.authenticator)
    handler = with_deadline(handler, filters.deadlines)
    handler = with_recovery(handler)
    return with_request_metrics(handler, filters.metrics)
