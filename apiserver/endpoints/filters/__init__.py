"""The filters that every request passes before its handler.

Their order decides which error a client gets. Outermost first:

    request_metrics   counts and times requests
    recovery          turns exceptions into a Status; adds common headers
    request_deadline  504
    authentication    401
    audit             events of what follows, and of the 401
    impersonation     400, 403; the user is another one from here on
    inserted          what another program puts in; nothing in a server of its own
    in_flight         429; or priority_and_fairness, if that is enabled
    authorization     403

The URL is parsed before the first filter, because all of them need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from apiserver.access.authentication.authenticator import RequestAuthenticator
from apiserver.access.authorization.authorizer import Authorizer
from apiserver.access.flowcontrol.flow_control import FlowControl
from apiserver.access.impersonation.impersonator import Impersonator
from apiserver.endpoints.filters.authentication import with_authentication
from apiserver.endpoints.filters.authorization import with_authorization
from apiserver.endpoints.filters.impersonation import with_impersonation
from apiserver.endpoints.filters.in_flight import InFlightLimits, with_in_flight_limits
from apiserver.endpoints.filters.priority_and_fairness import with_priority_and_fairness
from apiserver.endpoints.filters.recovery import with_recovery
from apiserver.endpoints.filters.request_deadline import RequestDeadlines, with_deadline
from apiserver.endpoints.filters.request_metrics import with_request_metrics
from apiserver.endpoints.http_request import Handler
from apiserver.endpoints.metrics import Metrics
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.work_estimating import WorkEstimator

if TYPE_CHECKING:
    from apiserver.access.audit.auditor import Auditor


@valueclass
class Filters:
    """The dependencies of the filters.

    ``inserted`` ones know the user of a request; of several the first is the innermost.
    ``estimator`` tells ``flow_control`` what requests cost, which is one seat without it.
    """

    authenticator: RequestAuthenticator
    authorizer: Authorizer
    metrics: Metrics
    deadlines: RequestDeadlines = field(default_factory=RequestDeadlines)
    limits: InFlightLimits = field(default_factory=InFlightLimits)
    inserted: Sequence[Callable[[Handler], Handler]] = ()
    auditor: Auditor | None = None
    flow_control: FlowControl | None = None
    estimator: WorkEstimator | None = None


def with_filters(handler: Handler, filters: Filters) -> Handler:
    """Return ``handler`` wrapped in all filters."""
    handler = with_authorization(handler, filters.authorizer)
    handler = _with_limits(handler, filters)
    for insert in filters.inserted:
        handler = insert(handler)
    handler = with_impersonation(handler, Impersonator(filters.authorizer))
    handler = _with_authentication(handler, filters)
    handler = with_deadline(handler, filters.deadlines)
    handler = with_recovery(handler)
    return with_request_metrics(handler, filters.metrics)


def _with_limits(handler: Handler, filters: Filters) -> Handler:
    if filters.flow_control is None:
        return with_in_flight_limits(handler, filters.limits)
    return with_priority_and_fairness(
        handler, filters.flow_control, filters.deadlines.longest, filters.estimator
    )


def _with_authentication(handler: Handler, filters: Filters) -> Handler:
    if filters.auditor is None:
        return with_authentication(handler, filters.authenticator)
    # Imported by servers with an audit policy.
    from apiserver.endpoints.filters.audit import with_audit, with_failed_authentication_audit

    handler = with_authentication(with_audit(handler, filters.auditor), filters.authenticator)
    return with_failed_authentication_audit(handler, filters.auditor)
