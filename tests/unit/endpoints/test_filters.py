"""What every request passes through, one filter at a time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from apiserver.access.authorization.authorizer import (
    ALLOWED,
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
)
from apiserver.endpoints.filters.authorization import attributes_of, with_authorization
from apiserver.endpoints.filters.in_flight import InFlightLimits, with_in_flight_limits
from apiserver.endpoints.filters.recovery import with_recovery
from apiserver.endpoints.filters.request_metrics import with_request_metrics
from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.endpoints.metrics import Metrics
from apiserver.machinery.errors import NotFound
from apiserver.machinery.users import MASTERS, UserInfo
from tests.unit.endpoints.made_requests import made_request

VIEWER = UserInfo("viewer")
ADMIN = UserInfo("admin", groups=(MASTERS,))
CONFIG_MAP = "/api/v1/namespaces/n/configmaps/a"


def request(method: str, path: str, query: str = "", user: UserInfo = VIEWER) -> HTTPRequest:
    transport = SimpleNamespace(is_closing=lambda: False)
    return made_request(method, f"{path}?{query}", user=user, transport=transport)


async def fine(_: HTTPRequest) -> web.StreamResponse:
    return web.Response(status=200)


class Gate:
    """A handler that keeps its requests until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.inside = 0

    async def handle(self, _: HTTPRequest) -> web.StreamResponse:
        self.inside += 1
        await self.opened.wait()
        self.inside -= 1
        return web.Response(status=200)


@pytest.mark.parametrize(
    ("method", "path", "query", "verb", "long_running"),
    [
        ("GET", "/api/v1/pods", "", "list", False),
        ("GET", "/api/v1/pods", "watch=1", "watch", True),
        ("GET", "/api/v1/pods", "watch", "watch", True),
        ("GET", "/api/v1/pods", "watch=true", "watch", True),
        ("GET", "/api/v1/pods", "watch=0", "list", False),
        ("GET", "/api/v1/pods", "watch=False", "list", False),
        ("GET", "/api/v1/watch/pods", "", "watch", True),
        ("GET", CONFIG_MAP, "watch=1", "get", False),
        ("POST", "/api/v1/namespaces/n/pods/p/exec", "", "create", True),
        ("GET", "/api/v1/namespaces/n/pods/p/log", "", "get", True),
        ("DELETE", "/api/v1/namespaces/n/pods", "watch=1", "deletecollection", False),
        ("GET", "/version", "watch=1", "get", False),
    ],
)
def test_a_list_that_watches_is_a_watch(
    method: str, path: str, query: str, verb: str, long_running: bool
) -> None:
    made = request(method, path, query)
    assert (made.verb, made.long_running) == (verb, long_running)


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/api/v1/pods", "", ""),
        ("/api/v1/pods", "fieldSelector=metadata.name%3Da", "a"),
        ("/api/v1/pods", "fieldSelector=metadata.name%3Da,spec.nodeName%3Db&watch=1", "a"),
        ("/api/v1/pods", "fieldSelector=metadata.name!%3Da", ""),
        ("/api/v1/pods", "fieldSelector=metadata.name%3Da%2Fb", ""),
        ("/api/v1/pods", "fieldSelector=nonsense", ""),
        (CONFIG_MAP, "fieldSelector=metadata.name%3Db", "a"),
    ],
)
def test_who_selects_one_name_asks_for_that_one(path: str, query: str, name: str) -> None:
    assert attributes_of(request("GET", path, query)).name == name


async def test_more_than_the_most_requests_are_sent_away_unless_an_administrator_asks() -> None:
    gate = Gate()
    limited = with_in_flight_limits(gate.handle, InFlightLimits(max_reads=1, max_writes=1))
    reading = asyncio.create_task(cast("Any", limited(request("GET", CONFIG_MAP))))
    writing = asyncio.create_task(cast("Any", limited(request("PUT", CONFIG_MAP))))
    while gate.inside < 2:
        await asyncio.sleep(0)
    for method in ("GET", "PUT"):
        refused = await limited(request(method, CONFIG_MAP))
        assert isinstance(refused, web.Response)
        assert refused.status == 429
        assert refused.body == b"Too many requests, please try again later.\n"
        assert refused.headers["Retry-After"] == "1"
    others = [
        asyncio.create_task(cast("Any", limited(each)))
        for each in (
            request("GET", CONFIG_MAP, user=ADMIN),
            request("GET", "/api/v1/pods", "watch=1"),
        )
    ]
    while gate.inside < 4:
        await asyncio.sleep(0)
    gate.opened.set()
    for task in (reading, writing, *others):
        assert (await task).status == 200
    assert (await limited(request("GET", CONFIG_MAP))).status == 200


async def test_without_a_limit_all_come_in() -> None:
    limits = InFlightLimits(max_reads=0, max_writes=0)
    limits.reads = limits.writes = 10_000
    limited = with_in_flight_limits(fine, limits)
    for method in ("GET", "PUT"):
        assert (await limited(request(method, CONFIG_MAP))).status == 200


class Says:
    """An authorizer with one answer, which remembers what it was asked."""

    def __init__(self, decision: AuthorizationDecision) -> None:
        self.decision = decision
        self.asked: list[AuthorizationAttributes] = []

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        self.asked.append(attributes)
        return self.decision


async def test_who_may_comes_to_the_handler_and_who_may_not_does_not() -> None:
    async def never(_: HTTPRequest) -> web.StreamResponse:
        raise AssertionError

    assert (await with_authorization(fine, Says(ALLOWED))(request("GET", CONFIG_MAP))).status == 200
    refused = await with_authorization(never, Says(NO_OPINION))(request("GET", CONFIG_MAP))
    assert refused.status == 403


async def failing(_: HTTPRequest) -> web.StreamResponse:
    raise NotFound.path()


async def breaking(_: HTTPRequest) -> web.StreamResponse:
    raise KeyError("a secret")


async def hanging_up(_: HTTPRequest) -> web.StreamResponse:
    raise ConnectionResetError


@pytest.mark.parametrize(("handler", "status"), [(fine, 200), (failing, 404), (breaking, 500)])
async def test_every_error_becomes_an_answer(handler: Handler, status: int) -> None:
    answer = await with_recovery(handler)(request("GET", CONFIG_MAP))
    assert answer.status == status
    assert "Audit-Id" in answer.headers or "Audit-Id: " in cast("Any", answer).common
    assert b"a secret" not in bytes(cast("Any", answer).body or b"")


@pytest.mark.parametrize("transport", [None, SimpleNamespace(is_closing=lambda: True)])
async def test_a_client_that_has_gone_is_nobodys_error(transport: Any) -> None:
    gone = request("GET", CONFIG_MAP)
    gone.connection.transport = transport
    with pytest.raises(ConnectionResetError):
        await with_recovery(hanging_up)(gone)
    assert (await with_recovery(hanging_up)(request("GET", CONFIG_MAP))).status == 500


async def test_requests_are_counted_by_what_was_found_not_by_what_was_asked() -> None:
    metrics = Metrics()
    metered = with_request_metrics(with_recovery(fine), metrics)
    await metered(request("GET", CONFIG_MAP))
    await metered(request("GET", "/api/v1/pods", "watch=1"))
    await with_request_metrics(with_recovery(failing), metrics)(
        request("GET", "/apis/made/up/things")
    )
    assert metrics.counted_requests() == {
        ("get", "", "v1", "configmaps", "", "200"): 1,
        ("watch", "", "v1", "pods", "", "200"): 1,
        ("list", "", "", "", "", "404"): 1,
    }
    assert not any(metrics.in_flight.values())
    gone = request("GET", CONFIG_MAP)
    gone.connection.transport = None
    with pytest.raises(ConnectionResetError):
        await with_request_metrics(with_recovery(hanging_up), metrics)(gone)
    leaving = asyncio.create_task(
        cast("Any", with_request_metrics(Gate().handle, metrics)(request("GET", CONFIG_MAP)))
    )
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert metrics.counted_requests()["get", "", "", "", "", "500"] == 2
    assert not any(metrics.in_flight.values())
    assert ("watch", "", "v1", "pods", "") not in metrics.durations().series
