"""Priority and fairness: requests above the limit of their level wait in turn; 429 for the rest."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from apiserver.access.flowcontrol.flow_control import FlowControl
from apiserver.access.flowcontrol.flow_schemas import FlowRequest
from apiserver.access.flowcontrol.priority_level import Rejected
from apiserver.endpoints.filters.in_flight import too_many_requests
from apiserver.endpoints.http_request import Handler, HTTPRequest

#: Which part of its time a request may spend waiting.
_PART_OF_TIME: Final = 4


def with_priority_and_fairness(handler: Handler, control: FlowControl, seconds: float) -> Handler:
    """Return ``handler`` with the requests sorted out; ``seconds`` is the timeout of requests.

    A watch has a seat until its stream begins. Other long requests need none.
    """
    patience = seconds / _PART_OF_TIME

    async def sorted_out(request: HTTPRequest) -> web.StreamResponse:
        if request.long_running and request.verb != "watch":
            return await handler(request)
        asked = flow_request(request)
        schema, level = control.classify(asked)
        request.flow = schema.uid, level.uid
        if not level.take_seat():
            try:
                await level.enter(schema.flow(asked), patience)
            except Rejected:
                return too_many_requests()
        try:
            return await handler(request)
        finally:
            level.leave()

    return sorted_out


def flow_request(request: HTTPRequest) -> FlowRequest:
    """Return what decides about the flow of a request."""
    info = request.info
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    return FlowRequest(
        request.user,
        request.verb,
        info.path,
        info.is_resource,
        info.group,
        resource,
        info.namespace,
    )
