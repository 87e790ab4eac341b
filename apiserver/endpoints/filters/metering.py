"""How many requests there are, how they end and how long they take."""

from __future__ import annotations

import time

from aiohttp import web

from apiserver.endpoints.exchange import Exchange, Handler
from apiserver.endpoints.filters.authorization import verb_of
from apiserver.endpoints.metrics import Metrics

_READS = frozenset(["get", "list", "watch", "head"])
_VERBS = frozenset(
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "post"]
)


def with_metering(handler: Handler, metrics: Metrics) -> Handler:
    """Return ``handler`` with its requests counted."""

    async def metered(exchange: Exchange) -> web.StreamResponse:
        info, verb = exchange.info, verb_of(exchange)
        kind = "readOnly" if verb in _READS else "mutating"
        metrics.in_flight[kind] += 1
        begun = time.perf_counter()
        try:
            response = await handler(exchange)
        finally:
            metrics.in_flight[kind] -= 1
        # What a client made up must not become a label: only what was found is named.
        known = response.status not in (401, 403, 404, 405) and info.is_resource
        labels = (
            verb if verb in _VERBS else "other",
            *(
                (info.group, info.version, info.resource, info.subresource)
                if known
                else ("", "", "", "")
            ),
        )
        metrics.observe_request(labels, response.status, time.perf_counter() - begun)
        return response

    return metered
