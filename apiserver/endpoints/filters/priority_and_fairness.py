"""Priority and fairness: requests above the limit of their level wait in turn; 429 for the rest."""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic
from typing import Final

from aiohttp import web

from apiserver.access.flowcontrol.fair_queue import QueuedRequest
from apiserver.access.flowcontrol.flow_control import Flow, FlowControl
from apiserver.access.flowcontrol.priority_level import Execution, Rejected
from apiserver.access.flowcontrol.work_estimate import ONE_SEAT, WorkEstimate
from apiserver.endpoints.filters.in_flight import too_many_requests
from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.registry.work_estimating import WorkEstimator

#: Which part of its time a request may spend waiting.
_PART_OF_TIME: Final = 4
#: In seconds.
_LONGEST_WAIT: Final = 60.0


def with_priority_and_fairness(
    handler: Handler, control: FlowControl, seconds: float, estimator: WorkEstimator | None = None
) -> Handler:
    """Return ``handler`` with fair queuing; ``seconds`` is the timeout of requests.

    A watch has seats until its initial events are sent. Other long requests need none.
    """
    longest_wait = seconds / _PART_OF_TIME

    async def limited(request: HTTPRequest) -> web.StreamResponse:
        if request.long_running and request.verb != "watch":
            return await handler(request)
        flow = control.flow(request.user, request.verb, request.info)
        level = flow.level
        request.flow = flow.uids
        work, waited = ONE_SEAT, None
        if request.verb != "get" and estimator is not None:
            work = estimator.estimate(request.verb, request.info, request.query, level.most_seats)
        if not level.take_seat(work.most_seats):
            try:
                waited = await _wait(flow, request, work, longest_wait)
            except Rejected:
                level.retry_after.note_rejection(monotonic())
                return too_many_requests(level.retry_after.seconds)
        flow.counts.dispatched += 1
        executing = flow.counts.executing
        executing[request] = Execution(work, level.demand.since, waited)
        if request.verb == "watch":
            return await _watch(handler, request, flow)
        try:
            return await handler(request)
        finally:
            del executing[request]
            if work.final_seconds:
                # The client has its response, but the events have not been sent yet.
                leave = partial(level.leave, work.most_seats, waited)
                asyncio.get_running_loop().call_later(work.final_seconds, leave)
            else:
                level.leave(work.most_seats, waited)

    return limited


async def _watch(handler: Handler, request: HTTPRequest, flow: Flow) -> web.StreamResponse:
    """Serve a watch, whose seats are freed when it is initialized, or is too slow at that."""
    executing = flow.counts.executing

    def initialized() -> None:
        found = executing.pop(request, None)
        if found is not None:
            timer.cancel()
            flow.level.leave(found.work.most_seats, found.waited)

    timer = asyncio.get_running_loop().call_later(_LONGEST_WAIT, initialized)
    request.initialized = initialized
    try:
        return await handler(request)
    finally:
        if request.stream_body is None:
            initialized()


async def _wait(
    flow: Flow, request: HTTPRequest, work: WorkEstimate, usual: float
) -> QueuedRequest | None:
    """Wait for seats, and count the time. Raises Rejected."""
    begun, executed = monotonic(), "false"
    try:
        waited = await flow.level.enter(flow.key, _wait_seconds(request, usual), work, request)
        executed = "true"
        return waited
    finally:
        flow.counts.waits.observe((executed,), monotonic() - begun)


def _wait_seconds(request: HTTPRequest, usual: float) -> float:
    if request.deadline is not None:
        usual = (request.deadline - asyncio.get_running_loop().time()) / _PART_OF_TIME
    return min(usual, _LONGEST_WAIT)
