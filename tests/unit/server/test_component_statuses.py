"""ComponentStatuses come from probes of the components, not from the store."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from apiserver.endpoints.handlers import component_health
from apiserver.endpoints.proxy import _cause
from apiserver.registry.component_statuses import ComponentHealth, Probe
from apiserver.registry.subresources.locations import Location
from apiserver.server import health_checks
from storage.errors import Unavailable
from storage.memory import MemoryStore
from tests.unit.server.in_process import InProcess, server_in_process

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/v1/componentstatuses"
REFUSED = (
    'Get "https://127.0.0.1:10259/healthz": dial tcp 127.0.0.1:10259: connect: connection refused'
)
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def fake_probe(port: int) -> Probe:
    async def probe() -> ComponentHealth:
        if port == 10259:
            return ComponentHealth(healthy=False, message=REFUSED)
        return ComponentHealth(healthy=True, message="ok")

    return probe


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[InProcess]:
    """A server that no test changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health_checks, "healthz_probe", fake_probe)
        async with server_in_process(tmp_path_factory.mktemp("server")) as running:
            yield running


def status(name: str, healthy: str, message: str) -> dict[str, Any]:
    condition = {"type": "Healthy", "status": healthy, "message": message}
    return {"metadata": {"name": name}, "conditions": [condition]}


CONTROLLER_MANAGER = status("controller-manager", "True", "ok")
ETCD = status("etcd-0", "True", "ok")
SCHEDULER = status("scheduler", "False", REFUSED)


@pytest.mark.parametrize(
    ("query", "items"),
    [
        ("", [CONTROLLER_MANAGER, ETCD, SCHEDULER]),
        ("?limit=1", [CONTROLLER_MANAGER, ETCD, SCHEDULER]),
        ("?fieldSelector=metadata.name=scheduler", [SCHEDULER]),
        ("?fieldSelector=metadata.name!=scheduler", [CONTROLLER_MANAGER, ETCD]),
        ("?labelSelector=a=b", []),
        ("?labelSelector=a!=b", [CONTROLLER_MANAGER, ETCD, SCHEDULER]),
    ],
)
async def test_a_list_has_the_components_that_are_selected(
    server: InProcess, query: str, items: list[Any]
) -> None:
    answer = await server.get(PATH + query)
    kind = {"kind": "ComponentStatusList", "apiVersion": "v1", "metadata": {}}
    assert (answer.status, answer.body) == (200, {**kind, "items": items})
    deprecation = "v1 ComponentStatus is deprecated in v1.19+"
    assert answer.headers["Warning"] == f'299 - "{deprecation}"'


async def test_one_component_is_read_by_name(server: InProcess) -> None:
    answer = await server.get(f"{PATH}/scheduler")
    expected = {"kind": "ComponentStatus", "apiVersion": "v1", **SCHEDULER}
    assert (answer.status, answer.body) == (200, expected)


async def test_an_unknown_component_is_an_error_without_a_reason(server: InProcess) -> None:
    answer = await server.get(f"{PATH}/kubelet")
    assert (answer.status, answer.message) == (500, "Component not found: kubelet")
    assert "reason" not in answer.body


async def test_kubectl_is_shown_health_message_and_error(server: InProcess) -> None:
    answer = await server.get(PATH, Accept=TABLE)
    assert [row["cells"] for row in answer.body["rows"]] == [
        ["controller-manager", "Healthy", "ok", ""],
        ["etcd-0", "Healthy", "ok", ""],
        ["scheduler", "Unhealthy", REFUSED, ""],
    ]
    assert answer.body["metadata"] == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "?watch=true"), ("POST", ""), ("DELETE", ""), ("PUT", "/etcd-0")],
)
async def test_nothing_but_reading_is_allowed(server: InProcess, method: str, path: str) -> None:
    answer = await server.ask(method, PATH + path)
    assert (answer.status, answer.body["reason"]) == (405, "MethodNotAllowed")
    # Only a route warns of a deprecation; the others end before one.
    assert ("Warning" in answer.headers) is (method == "GET")


async def test_invalid_selectors_are_refused(server: InProcess) -> None:
    answer = await server.get(f"{PATH}?fieldSelector=spec.a=b")
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


class Refusing(MemoryStore):
    async def revision(self) -> int:
        raise Unavailable("etcd: no leader")


class Hanging(MemoryStore):
    async def revision(self) -> int:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize(
    ("store", "error"),
    [(Refusing(), "etcd: no leader"), (Hanging(), "context deadline exceeded")],
)
async def test_a_store_that_does_not_answer_is_unhealthy(
    store: MemoryStore, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_checks, "_STORE_PROBE_SECONDS", 0.0)
    found = await health_checks.component_probes(store)["etcd-0"]()
    assert found == ComponentHealth(healthy=False, error=error)


async def test_what_keeps_a_component_from_being_asked_is_said_in_go_s_words() -> None:
    errors = [
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        TimeoutError(),
        ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
    ]
    errors[2].reason = "WRONG_VERSION_NUMBER"  # type: ignore[attr-defined]
    location = Location("https", "127.0.0.1", 10259, "/healthz")
    assert [_cause(location, error) for error in errors] == [
        "dial tcp 127.0.0.1:10259: connect: connection refused",
        "dial tcp 127.0.0.1:10259: i/o timeout",
        "http: server gave HTTP response to HTTPS client",
    ]


async def test_a_probe_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(location: Location) -> ComponentHealth:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(component_health, "_ask", hang)
    monkeypatch.setattr(component_health, "_TIMEOUT_SECONDS", 0.0)
    why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    message = f'Get "https://127.0.0.1:10259/healthz": {why}'
    found = await component_health.healthz_probe(10259)()
    assert found == ComponentHealth(healthy=False, message=message)
