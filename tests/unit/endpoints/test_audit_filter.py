"""The audit filter: requests that fail, are cancelled, or run for long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web

from apiserver.access.audit.audit_event import AuditEvent
from apiserver.access.audit.audit_policy import AuditPolicy, AuditRule, Level
from apiserver.access.audit.auditor import Auditor
from apiserver.endpoints.filters.audit import with_audit
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.machinery.errors import BadRequest
from tests.unit.endpoints.made_requests import made_request

EXEC = "/api/v1/namespaces/n/pods/p/exec"
POD = "/api/v1/namespaces/n/pods/p"
Serve = Callable[[HTTPRequest], Awaitable[web.StreamResponse]]


class Recorder(Auditor):
    """Keeps the stages, and the status of each; is cancelled while it stores one of them."""

    def __init__(self, cancelled_at: str = "") -> None:
        super().__init__(AuditPolicy([AuditRule(Level.METADATA)]), [])
        self.stages: list[tuple[str, Any]] = []
        self.cancelled_at = cancelled_at

    async def record(self, event: AuditEvent, stage: str) -> None:
        self.stages.append((stage, dict(event.status) if event.status else None))
        if stage == self.cancelled_at:
            raise asyncio.CancelledError


async def stages_of(
    path: str, serve: Serve, error: type[BaseException] | None = None, cancelled_at: str = ""
) -> Any:
    """Return the stages of a request that ends with an error."""
    recorder = Recorder(cancelled_at)
    transport = Mock(is_closing=lambda: False)
    request = made_request("GET", path, transport=transport)
    if error is None:
        await with_audit(serve, recorder)(request)
    else:
        with pytest.raises(error):
            await with_audit(serve, recorder)(request)
    return [(stage, status and status.get("code")) for stage, status in recorder.stages]


async def refuse(request: HTTPRequest) -> web.StreamResponse:
    raise BadRequest("no")


async def crash(request: HTTPRequest) -> web.StreamResponse:
    raise LookupError("a bug")


async def hang(request: HTTPRequest) -> web.StreamResponse:
    raise asyncio.CancelledError


async def leave(request: HTTPRequest) -> web.StreamResponse:
    raise ConnectionResetError


async def begin_and_hang(request: HTTPRequest) -> web.StreamResponse:
    assert request.audit is not None
    await request.audit.start(101)
    raise asyncio.CancelledError


async def succeed(request: HTTPRequest) -> web.StreamResponse:
    return web.Response(status=201)


@pytest.mark.parametrize(
    ("path", "serve", "error", "codes"),
    [
        (POD, succeed, None, {"ResponseComplete": 201}),
        (EXEC, succeed, None, {"ResponseStarted": 201, "ResponseComplete": 201}),
        (POD, refuse, BadRequest, {"ResponseComplete": 400}),
        (EXEC, refuse, BadRequest, {"ResponseStarted": 400, "ResponseComplete": 400}),
        (POD, crash, LookupError, {"ResponseComplete": 500}),
        (POD, hang, asyncio.CancelledError, {"ResponseComplete": 504}),
        (POD, leave, ConnectionResetError, {"ResponseComplete": 200}),
        (
            EXEC,
            begin_and_hang,
            asyncio.CancelledError,
            {"ResponseStarted": 101, "ResponseComplete": 101},
        ),
    ],
)
async def test_every_end_is_recorded(
    path: str, serve: Serve, error: type[BaseException] | None, codes: dict[str, int]
) -> None:
    assert await stages_of(path, serve, error) == [("RequestReceived", None), *codes.items()]


@pytest.mark.parametrize("stage", ["RequestReceived", "ResponseStarted"])
async def test_the_end_of_a_request_that_is_cancelled_at_an_earlier_stage_is_recorded(
    stage: str,
) -> None:
    found = await stages_of(EXEC, succeed, asyncio.CancelledError, stage)
    assert [stage for stage, _ in found][-1] == "ResponseComplete"
