"""How long a request may take: 504 for what takes longer.

Nearly every request has the same deadline as the one before it, counted from its arrival, so those
that are under way stand in a queue in the order of their deadlines: one timer, for the first of
them, serves all. Only a request that names a time of its own gets a timer of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp import web

from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.machinery.documents import dump_json
from apiserver.machinery.durations import DurationError, parse_duration
from apiserver.machinery.errors import BadRequest, Timeout

REQUEST_SECONDS: Final = 60.0
WRITE_SECONDS: Final = 34.0
# Clients ask for few different times; of queues for these no more than so many are kept.
_REMEMBERED: Final = 64
_WRITES: Final = frozenset(["create", "update", "patch", "delete", "deletecollection"])


class DeadlineQueue:
    """Tasks under way that may take so many seconds each, the longest running first."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._due: dict[asyncio.Task[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, task: asyncio.Task[Any]) -> None:
        """Let the time of ``task`` run from now."""
        loop = task.get_loop()
        self._due[task] = due = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self.expire, loop.time)

    def leave(self, task: asyncio.Task[Any]) -> bool:
        """Forget ``task``; tell whether it was still in time."""
        return self._due.pop(task, None) is not None

    def expire(self, time: Callable[[], float]) -> None:
        """Cancel what is due by now, and come back when the next one is."""
        now = time()
        late = []
        following: asyncio.Task[Any] | None = None
        for task, due in self._due.items():
            if due > now:
                following = task
                break
            late.append(task)
        for task in late:
            del self._due[task]
            task.cancel()
        self._timer = None
        if following is not None:
            loop = following.get_loop()
            self._timer = loop.call_at(self._due[following], self.expire, time)


class RequestDeadlines:
    """The deadlines of reads and of writes; ``longest`` bounds what a request may ask for."""

    def __init__(self, longest: float = REQUEST_SECONDS) -> None:
        self.longest = longest
        self.reads = DeadlineQueue(longest)
        self.writes = DeadlineQueue(min(longest, WRITE_SECONDS))
        self._requested: dict[float, DeadlineQueue] = {}

    def queue(self, request: HTTPRequest) -> DeadlineQueue:
        """Return where a request stands in line. Raises BadRequest."""
        usual = self.writes if request.verb in _WRITES else self.reads
        if "timeout" not in request.query:
            return usual
        seconds = requested_seconds(request, self.longest)
        if seconds >= usual.seconds:
            return usual
        known = self._requested.get(seconds)
        if known is None:
            known = DeadlineQueue(seconds)
            if len(self._requested) < _REMEMBERED:
                self._requested[seconds] = known
        return known


def with_deadline(handler: Handler, deadlines: RequestDeadlines) -> Handler:
    """Return ``handler`` with its time bounded, but for watches and the like."""

    async def bounded(request: HTTPRequest) -> web.StreamResponse:
        if request.long_running:
            return await handler(request)
        queue = deadlines.queue(request)
        # The connection's task, which waits for this one: found at once, and cancelled with it.
        task = request.http.task
        queue.enter(task)
        try:
            response = await handler(request)
        except asyncio.CancelledError:
            if queue.leave(task):
                raise
            task.uncancel()
            cast("asyncio.Task[Any]", asyncio.current_task()).uncancel()
            return _timed_out(request)
        except BaseException:
            queue.leave(task)
            raise
        queue.leave(task)
        return response

    return bounded


def requested_seconds(request: HTTPRequest, longest: float) -> float:
    """Return how long a request says that it may take, at most ``longest``. Raises BadRequest."""
    text = request.query["timeout"][0]
    if not text:
        return longest
    try:
        seconds = parse_duration(text)
    except DurationError as error:
        raise BadRequest(f"invalid timeout specified in the request URL - {error}") from error
    return min(seconds, longest) if seconds > 0 else longest


def _timed_out(request: HTTPRequest) -> web.StreamResponse:
    if request.verb in _WRITES:
        raise Timeout(
            "request did not complete within requested timeout - context deadline exceeded", {}
        )
    body = Timeout("request did not complete within the allotted timeout", {}).status()
    del body["kind"], body["apiVersion"]
    response = web.Response(status=504, body=dump_json(body) + b"\n")
    response.headers["Content-Type"] = "application/json"
    return response
