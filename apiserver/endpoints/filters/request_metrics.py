"""Request metrics: counts, status codes and durations."""

from __future__ import annotations

import time
from typing import Final

from aiohttp import web

from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.endpoints.metrics import Metrics
from apiserver.machinery.instruments import Labels

_READS: Final = frozenset(["get", "list", "watch", "head"])
_VERBS: Final = frozenset(
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "post"]
)
# Names invented by clients must not become labels: for these codes only the verb is kept.
_UNKNOWN: Final = frozenset([400, 401, 403, 404, 405])


def with_request_metrics(handler: Handler, metrics: Metrics) -> Handler:
    """Return ``handler`` with its requests counted. Watches are not timed."""
    in_flight, clock = metrics.in_flight, time.perf_counter

    async def metered(request: HTTPRequest) -> web.StreamResponse:
        if request.long_running:
            response = await handler(request)
            metrics.untimed[_labels(request, response.status)] += 1
            return response
        kind = "readOnly" if request.verb in _READS else "mutating"
        in_flight[kind] += 1
        begun = clock()
        try:
            response = await handler(request)
        finally:
            in_flight[kind] -= 1
        metrics.requests.observe(_labels(request, response.status), clock() - begun)
        return response

    return metered


def _labels(request: HTTPRequest, status: int) -> Labels:
    info, verb = request.info, request.verb
    if verb not in _VERBS:
        verb = "other"
    if status in _UNKNOWN or not info.is_resource:
        return (verb, "", "", "", "", f"{status}")
    return (verb, info.group, info.version, info.resource, info.subresource, f"{status}")
