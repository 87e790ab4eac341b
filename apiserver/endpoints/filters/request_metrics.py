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
        except BaseException:
            metrics.requests.observe(_interrupted(request), clock() - begun)
            raise
        finally:
            in_flight[kind] -= 1
        metrics.requests.observe(_labels(request, response.status), clock() - begun)
        return response

    return metered


def _interrupted(request: HTTPRequest) -> Labels:
    """Return the labels of a request whose client has disconnected: to kube-apiserver it is a 500.

    What it was for may not exist.
    """
    return (_verb(request), "", "", "", "", "500")


def _verb(request: HTTPRequest) -> str:
    return request.verb if request.verb in _VERBS else "other"


def _labels(request: HTTPRequest, status: int) -> Labels:
    info, verb = request.info, _verb(request)
    if status in _UNKNOWN or not info.is_resource:
        return (verb, "", "", "", "", f"{status}")
    return (verb, info.group, info.version, info.resource, info.subresource, f"{status}")
