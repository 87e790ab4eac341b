"""Audit: the events of requests that the policy selects."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from aiohttp import web
from multidict import istr

from apiserver.access.audit.audit_event import AuditEvent
from apiserver.access.audit.audit_policy import (
    REQUEST_RECEIVED,
    RESPONSE_COMPLETE,
    RESPONSE_STARTED,
    AuditedRequest,
    Level,
)
from apiserver.access.audit.auditor import Auditor, EventNotStored
from apiserver.endpoints.errors import described
from apiserver.endpoints.filters.authorization import attributes_of
from apiserver.endpoints.headers import audit_id
from apiserver.endpoints.http_request import Handler, HTTPRequest, StreamBody
from apiserver.machinery.errors import InternalError, StatusError, Timeout, Unauthorized
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import format_duration, system_clock
from apiserver.machinery.users import UserInfo

_FORWARDED_FOR: Final = istr("X-Forwarded-For")
_REAL_IP: Final = istr("X-Real-Ip")
_USER_AGENT: Final = istr("User-Agent")
_LONGEST_USER_AGENT: Final = 1024
_CLOSED_EARLY: Final = {"status": "Success", "message": "Connection closed early", "code": 200}
#: A request that takes longer has its duration annotated, in seconds.
_SLOW: Final = 0.5
_LATENCY: Final = "apiserver.latency.k8s.io/total"


def with_audit(handler: Handler, auditor: Auditor) -> Handler:
    """Return ``handler`` with its requests audited."""

    async def audited(request: HTTPRequest) -> web.StreamResponse:
        event = _event_of(request, auditor, request.user)
        if event is None:
            return await handler(request)
        request.audit = event
        if request.long_running:
            event.on_start = partial(_started, auditor, event)
        try:
            response = await _served(handler, request, auditor, event)
        except EventNotStored:
            return _not_stored(request)
        if request.stream_body is not None:
            request.stream_body = partial(_stream_body, request.stream_body, auditor, event)
        else:
            await _completed(auditor, event, response.status)
        return response

    return audited


async def _served(
    handler: Handler, request: HTTPRequest, auditor: Auditor, event: AuditEvent
) -> web.StreamResponse:
    """Record that the request is received; return the response, or record the failure."""
    try:
        await auditor.record(event, REQUEST_RECEIVED)
        response = await handler(request)
        if request.long_running:
            await event.start(response.status)
    except EventNotStored:
        raise
    except ConnectionError:
        _ends_with(event, _CLOSED_EARLY)
        await _completed(auditor, event, 0)
        raise
    except Exception as error:
        failure = described(error)
        _ends_with(event, failure.status())
        if request.long_running:
            await event.start(failure.code)
        await _completed(auditor, event, failure.code)
        raise
    except BaseException:
        failure = _interruption(request)
        _ends_with(event, failure.status())
        await _completed(auditor, event, failure.code)
        raise
    return response


def _ends_with(event: AuditEvent, status: Mapping[str, Any]) -> None:
    if not event.has_started:
        event.set_response_status(status)


def with_failed_authentication_audit(handler: Handler, auditor: Auditor) -> Handler:
    """Return ``handler``, which begins with authentication, with its failures audited."""

    async def audited(request: HTTPRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except Unauthorized as error:
            if request.audit is None:
                event = _event_of(request, auditor, None)
                if event is not None:
                    request.audit = event
                    event.set_response_status({"message": _attempted(request), "code": error.code})
                    await auditor.record(event, RESPONSE_STARTED)
            raise

    return audited


def _event_of(request: HTTPRequest, auditor: Auditor, user: UserInfo | None) -> AuditEvent | None:
    info, verb = request.info, request.verb
    name = info.name
    if "fieldSelector" in request.query and not name:
        name = attributes_of(request).name
    by_name = auditor.policy.by_name
    rule = auditor.rule_of(
        AuditedRequest(
            "" if user is None else user.name,
            () if user is None else user.groups,
            verb,
            info.is_resource,
            "" if info.is_resource else info.path,
            info.namespace,
            info.group,
            info.resource,
            info.subresource,
            name if by_name else "",
        )
    )
    if rule.level is Level.NONE:
        return None
    event = AuditEvent(audit_id(request), rule, user, system_clock().time())
    event.set_request(request.target, verb, _source_ips(request), _user_agent(request))
    if info.is_resource:
        event.set_object_ref({
            "resource": info.resource,
            "namespace": info.namespace,
            "name": name,
            "apiGroup": info.group,
            "apiVersion": info.version,
            "subresource": info.subresource,
        })  # fmt: skip
    for key, value in request.annotations:
        event.annotate(key, value)
    return event


async def _started(auditor: Auditor, event: AuditEvent, status: int) -> None:
    event.set_response_code(status)
    await auditor.record(event, RESPONSE_STARTED)


async def _stream_body(send: StreamBody, auditor: Auditor, event: AuditEvent) -> None:
    try:
        await send()
    finally:
        await auditor.record(event, RESPONSE_COMPLETE)


async def _completed(auditor: Auditor, event: AuditEvent, status: int) -> None:
    if status:
        event.set_response_code(status)
    seconds = system_clock().time() - event.received
    if seconds > _SLOW and event.on_start is None:
        event.annotate(_LATENCY, format_duration(math.ceil(seconds * 1e9)))
    await auditor.record(event, RESPONSE_COMPLETE)


def _interruption(request: HTTPRequest) -> StatusError:
    transport = request.connection.transport
    if transport is None or transport.is_closing():
        return InternalError("context canceled")
    return Timeout("request did not complete within the allotted timeout", {})


def _not_stored(request: HTTPRequest) -> web.StreamResponse:
    text = f"Internal Server Error: {quote(request.target)}: failed to store audit event\n"
    response = web.Response(status=500, text=text)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _source_ips(request: HTTPRequest) -> Sequence[str]:
    headers, remote = request.headers, request.http.remote or ""
    if _FORWARDED_FOR not in headers and _REAL_IP not in headers:
        return [remote] if remote else []
    found = [_address(text) for text in headers.get(_FORWARDED_FOR, "").split(",")]
    found = [address for address in found if address]
    real = _address(headers.get(_REAL_IP, ""))
    if real and real not in found:
        found.append(real)
    if remote and found[-1:] != [remote]:
        found.append(remote)
    return found


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""


def _user_agent(request: HTTPRequest) -> str:
    agent = request.headers.get(_USER_AGENT, "")
    if len(agent) > _LONGEST_USER_AGENT:
        return agent[:_LONGEST_USER_AGENT] + "...TRUNCATED"
    return agent


def _attempted(request: HTTPRequest) -> str:
    scheme = request.header("Authorization").partition(" ")[0].lower()
    tried = [scheme] if scheme in ("basic", "bearer") else []
    if request.connection.certificate is not None:
        tried.append("x509")
    if not tried:
        return "Authentication failed, no credentials provided"
    return f"Authentication failed, attempted: {', '.join(tried)}"
