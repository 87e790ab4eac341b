"""What every request passes through before its handler, one filter a module.

The order decides which refusal a client gets, so it stands here alone, outermost first:

    metering        counts and times
    recovery        any exception becomes a Status; headers that every answer carries
    deadline        504
    authentication  401
    in_flight       429
    authorization   403

What the URL is about is read before the first of them, since all need it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from apiserver.access.authentication.authenticator import RequestAuthenticator
from apiserver.access.authorization.authorizer import Authorizer
from apiserver.endpoints.filters.authentication import with_authentication
from apiserver.endpoints.filters.authorization import with_authorization
from apiserver.endpoints.filters.in_flight import InFlightLimits, with_in_flight_limits
from apiserver.endpoints.filters.recovery import with_recovery
from apiserver.endpoints.filters.request_deadline import RequestDeadlines, with_deadline
from apiserver.endpoints.filters.request_metrics import with_request_metrics
from apiserver.endpoints.http_request import Handler
from apiserver.endpoints.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Filters:
    """What the filters need to know."""

    authenticator: RequestAuthenticator
    authorizer: Authorizer
    metrics: Metrics
    deadlines: RequestDeadlines = field(default_factory=RequestDeadlines)
    limits: InFlightLimits = field(default_factory=InFlightLimits)


def with_filters(handler: Handler, filters: Filters) -> Handler:
    """Return ``handler`` behind all filters."""
    handler = with_authorization(handler, filters.authorizer)
    handler = with_in_flight_limits(handler, filters.limits)
    handler = with_authentication(handler, filters.authenticator)
    handler = with_deadline(handler, filters.deadlines)
    handler = with_recovery(handler)
    return with_request_metrics(handler, filters.metrics)
