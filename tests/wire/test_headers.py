"""The headers of every response."""

from __future__ import annotations

import re

import pytest

from tests.wire.conftest import Api

PATHS = ["/version", "/api/v1/namespaces", "/api/v1/namespaces/absent", "/nowhere", "/healthz"]
RANDOM_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_has_an_id_and_is_not_for_caches(api: Api, path: str) -> None:
    first, second = await api.get(path), await api.get(path)
    for answer in (first, second):
        assert RANDOM_UUID.fullmatch(answer.headers["Audit-Id"])
        assert answer.headers["Cache-Control"] == "no-cache, private"
    assert first.headers["Audit-Id"] != second.headers["Audit-Id"]


@pytest.mark.parametrize("path", PATHS)
async def test_an_audit_id_that_is_given_comes_back(api: Api, path: str) -> None:
    answer = await api.get(path, Audit_ID="of-my-own")
    assert answer.headers["Audit-Id"] == "of-my-own"


async def test_a_watch_has_these_headers_too(api: Api) -> None:
    answer = await api.get("/api/v1/namespaces?watch=1&timeoutSeconds=1", Audit_ID="watching")
    assert answer.headers["Audit-Id"] == "watching"
    assert answer.headers["Cache-Control"] == "no-cache, private"


@pytest.mark.parametrize(
    "path", [*PATHS, "/openapi/v2", "/api/v1/namespaces?watch=1&timeoutSeconds=1", "/api/v1/watch"]
)
async def test_nobody_learns_what_the_server_is_made_of(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert "Server" not in answer.headers
    told = " ".join(answer.headers.values()).lower()
    assert "python" not in told
    assert "aiohttp" not in told


@pytest.mark.parametrize(
    ("timeout", "message"),
    [
        ("soon", 'time: invalid duration "soon"'),
        ("5", 'time: missing unit in duration "5"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
    ],
)
async def test_a_timeout_that_is_none_is_refused(api: Api, timeout: str, message: str) -> None:
    answer = await api.get(f"/api/v1/namespaces?timeout={timeout}")
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.json["message"] == (f"invalid timeout specified in the request URL - {message}")


@pytest.mark.parametrize("timeout", ["10s", "1h", "-1s", "0", ""])
async def test_other_timeouts_are_taken(api: Api, timeout: str) -> None:
    assert (await api.get(f"/api/v1/namespaces?timeout={timeout}")).status == 200
