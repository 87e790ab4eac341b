"""Request deadlines: 504 for requests that take longer.

Most requests have the same timeout, so their deadlines follow the order of arrival. They wait in a
queue with one timer for the earliest deadline. Other timeouts have queues of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.machinery.documents import dump_json
from apiserver.machinery.durations import DurationError, parse_duration
from apiserver.machinery.errors import BadRequest, Timeout

REQUEST_SECONDS: Final = 60.0
WRITE_SECONDS: Final = 34.0
# Clients request few different timeouts; at most so many queues are kept for them.
_MAX_CACHED: Final = 64
_WRITES: Final = frozenset(["create", "update", "patch", "delete", "deletecollection"])


class DeadlineQueue:
    """Tasks with the same timeout, ordered by deadline."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._due: dict[asyncio.Task[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, task: asyncio.Task[Any]) -> float:
        """Start the timeout of ``task``; return its deadline, in the time of the event loop."""
        loop = task.get_loop()
        self._due[task] = due = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self.expire, loop.time)
        return due

    def leave(self, task: asyncio.Task[Any]) -> bool:
        """Remove ``task``; return whether it was in time."""
        return self._due.pop(task, None) is not None

    def expire(self, time: Callable[[], float]) -> None:
        """Cancel the tasks that are due, and set the timer for the next one."""
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
    """The timeouts of reads and writes; ``longest`` is the maximum that a request may set."""

    def __init__(self, longest: float = REQUEST_SECONDS) -> None:
        self.longest = longest
        self.reads = DeadlineQueue(longest)
        self.writes = DeadlineQueue(min(longest, WRITE_SECONDS))
        self._requested: dict[float, DeadlineQueue] = {}

    def queue(self, request: HTTPRequest) -> DeadlineQueue:
        """Return the deadline queue for a request. Raises BadRequest."""
        usual = self.writes if request.verb in _WRITES else self.reads
        if "timeout" not in request.query:
            return usual
        seconds = requested_seconds(request, self.longest)
        if seconds >= usual.seconds:
            return usual
        known = self._requested.get(seconds)
        if known is None:
            known = DeadlineQueue(seconds)
            if len(self._requested) < _MAX_CACHED:
                self._requested[seconds] = known
        return known


def with_deadline(handler: Handler, deadlines: RequestDeadlines) -> Handler:
    """Return ``handler`` with a deadline for all but long-running requests."""

    async def bounded(request: HTTPRequest) -> web.StreamResponse:
        if request.long_running:
            return await handler(request)
        queue = deadlines.queue(request)
        task: Any = request.connection.task
        request.deadline = queue.enter(task)
        try:
            response = await handler(request)
        except asyncio.CancelledError:
            if queue.leave(task):
                raise
            task.uncancel()
            return _timed_out(request)
        except BaseException:
            queue.leave(task)
            raise
        queue.leave(task)
        return response

    return bounded


def requested_seconds(request: HTTPRequest, longest: float) -> float:
    """Return the requested timeout, at most ``longest`` seconds. Raises BadRequest."""
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
