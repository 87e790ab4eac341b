"""FaultFilter: injects faults into requests. It exists in servers for tests only.

It stands behind authentication, so faults can be for one user, and before the limits of concurrent
requests and authorization. Faults before the handler may answer in its place; those behind it get
its answer and may damage it. The faults of watches are in `watch_faults`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from aiohttp import StreamReader, web

from apiserver.endpoints.body import LIMIT, read_body
from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import parse_json
from apiserver.machinery.errors import Conflict, InternalError, Unauthorized
from apiserver.machinery.gvk import GroupResource
from apiserver.registry.continuation import decode
from apiserver.registry.list import continue_expired
from apiserver.registry.update import OPTIMISTIC_LOCK
from apiserver.testing import faulty_answers
from apiserver.testing.fault_rules import FaultRule, FaultRules
from apiserver.testing.request_recorder import Recorded, RequestRecorder, current_record
from apiserver.testing.stale_reads import StaleReads
from apiserver.testing.watch_faults import WatchFaults

Before: TypeAlias = Callable[[Mapping[str, Any], HTTPRequest], Awaitable[web.StreamResponse | None]]
Behind: TypeAlias = Callable[
    [Mapping[str, Any], HTTPRequest, web.StreamResponse], Awaitable[web.StreamResponse]
]


class FaultFilter:
    """Applies the faults of ``rules`` to requests."""

    def __init__(
        self,
        rules: FaultRules,
        recorder: RequestRecorder,
        watch_faults: WatchFaults,
        stale: StaleReads,
    ) -> None:
        self._rules = rules
        self._recorder = recorder
        self._watch_faults = watch_faults
        self._stale = stale
        self._before: Mapping[str, Before] = BEFORE
        self._behind: Mapping[str, Behind] = {**BEHIND, "stale_reads": stale.answer}

    def knows(self, action: str) -> bool:
        """Return whether there is a fault of this name."""
        return action in {*self._before, *self._behind, *WatchFaults.ACTIONS}

    def __call__(self, handler: Handler) -> Handler:
        """Return ``handler`` with its requests hit by the faults."""

        async def faulty(request: HTTPRequest) -> web.StreamResponse:
            record = current_record.get()
            if record is None:
                return await handler(request)
            record.user, record.groups = request.user.name, request.user.groups
            await self._keep_body(request, record)
            serve = (
                self._watch_faults.with_faults(handler, record)
                if request.verb == "watch"
                else handler
            )
            return await self._hit(serve, request, record)

        return faulty

    async def _hit(
        self, handler: Handler, request: HTTPRequest, record: Recorded
    ) -> web.StreamResponse:
        # All are asked first: one that skips requests also counts those that another one refuses.
        chosen = [each for each in self._rules if _concerns(each, request) and each.chooses(record)]
        behind: list[FaultRule] = []
        for rule in chosen:
            rule.record_hit(record)
            if rule.action in self._behind:
                behind.append(rule)
                continue
            answer = await self._before[rule.action](rule.options, request)
            if answer is not None:
                return answer
        response = await handler(request)
        for rule in behind:
            response = await self._behind[rule.action](rule.options, request, response)
        return response

    async def _keep_body(self, request: HTTPRequest, record: Recorded) -> None:
        size = int(request.headers.get("Content-Length", "0"))
        if request.long_running or not 0 < size <= LIMIT or "Expect" in request.headers:
            return
        data = await read_body(request)
        self._recorder.keep_body(record, data)
        if record.verb == "create" and not record.name:
            record.name = _name_in(data)
        # The handler reads it as if it had not been read before.
        again = StreamReader(request.connection, LIMIT, loop=asyncio.get_running_loop())
        again.feed_data(data)
        again.feed_eof()
        request.content = again


def _name_in(data: bytes) -> str:
    try:
        document = parse_json(data)
    except DocumentError:
        return ""
    metadata = document.get("metadata") if isinstance(document, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def _concerns(rule: FaultRule, request: HTTPRequest) -> bool:
    """Return whether the action of a fault means anything for a request."""
    if rule.action in WatchFaults.ACTIONS:
        return False
    if rule.action in BEHIND:
        # A stream has no answer that could be damaged as a whole.
        return not request.long_running
    if rule.action == "expire_continue":
        return "continue" in request.query
    if rule.action == "stale_reads":
        return StaleReads.concerns(request)
    return True


async def _refuse(options: Mapping[str, Any], request: HTTPRequest) -> web.StreamResponse:
    return faulty_answers.refusal(request, options)


async def _delay(options: Mapping[str, Any], _request: HTTPRequest) -> None:
    await asyncio.sleep(options["seconds"])


async def _conflict(_options: Mapping[str, Any], request: HTTPRequest) -> web.StreamResponse:
    info = request.info
    raise Conflict.of(GroupResource(info.group, info.resource), info.name, OPTIMISTIC_LOCK)


async def _drop(_options: Mapping[str, Any], request: HTTPRequest) -> web.StreamResponse:
    return faulty_answers.dropped(request)


async def _expire_continue(_options: Mapping[str, Any], request: HTTPRequest) -> None:
    raise continue_expired(decode(request.query["continue"][0]).start)


async def _expire_token(_options: Mapping[str, Any], _request: HTTPRequest) -> None:
    raise Unauthorized


async def _webhook_timeout(options: Mapping[str, Any], _request: HTTPRequest) -> None:
    await asyncio.sleep(options["seconds"])
    name = options["webhook"]
    raise InternalError(
        f'failed calling webhook "{name}": failed to call webhook: Post '
        f'"https://{name}:443/?timeout=10s": context deadline exceeded'
    )


async def _drop_answer(
    _options: Mapping[str, Any], request: HTTPRequest, _response: web.StreamResponse
) -> web.StreamResponse:
    return faulty_answers.dropped(request)


BEFORE: Final[Mapping[str, Before]] = {
    "refuse": _refuse,
    "delay": _delay,
    "conflict": _conflict,
    "drop": _drop,
    "expire_continue": _expire_continue,
    "expire_token": _expire_token,
    "webhook_timeout": _webhook_timeout,
}
BEHIND: Final[Mapping[str, Behind]] = {
    "drop_answer": _drop_answer,
    "truncate": faulty_answers.truncated,
    "slow": faulty_answers.slowed,
}
