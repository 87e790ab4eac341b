"""On a full disk everything can still be deleted, also what has to be updated first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from storage.sqlite.space import RESERVE, Space
from storage.sqlite.store import SQLiteStore
from tests.unit.server.in_process import Answer, InProcess, server_in_process

NAMESPACE = "/api/v1/namespaces/default"
MERGE = "application/merge-patch+json"
PAGE = 4096
CONTAINERS = {"containers": [{"name": "c", "image": "i"}]}


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[InProcess]:
    """A server that keeps little in SQLite, with one object of each kind to delete, and full."""
    stores: list[SQLiteStore] = []
    open_store = SQLiteStore.open

    async def opened(path: Path, *given: Any, **named: Any) -> SQLiteStore:
        stores.append(await open_store(path, *given, **named))
        return stores[-1]

    monkeypatch.setattr(SQLiteStore, "open", opened)
    flags = (
        f"--storage=sqlite:///{tmp_path}/state.db",
        "--disable-admission-plugins=ServiceAccount",
    )
    async with server_in_process(tmp_path, *flags) as server:
        (store,) = stores
        await fill(server, store, monkeypatch)
        yield server


async def fill(server: InProcess, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"metadata": {"name": "held", "finalizers": ["example.com/a", "example.com/b"]}}
    await made(server, "configmaps", held)
    owner = await made(server, "configmaps", {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner"}
    reference["uid"] = owner.body["metadata"]["uid"]
    await made(
        server, "configmaps", {"metadata": {"name": "dependent", "ownerReferences": [reference]}}
    )
    for name in ("bound", "evicted", "protected"):
        spec = {**CONTAINERS, "nodeName": "n"}
        metadata = {"name": name, "labels": {"is": name}}
        await made(server, "pods", {"metadata": metadata, "spec": spec})
    await protect(server, "protected")
    service = {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
    await made(server, "services", service)
    assert (await server.ask("POST", "/api/v1/namespaces", named("gone"))).status == 201

    disk = store._connection
    (pages,) = disk.execute("PRAGMA page_count").fetchone()
    disk.execute(f"PRAGMA max_page_count = {pages + 100}")
    monkeypatch.setattr(Space, "free", lambda _: 0)
    release = Space._release_reserve

    def released(space: Space) -> None:
        # The limit stands for a disk, on which the reserve took space.
        disk.execute(f"PRAGMA max_page_count = {pages + 100 + RESERVE // PAGE}")
        release(space)

    monkeypatch.setattr(Space, "_release_reserve", released)
    for number in range(100):
        body = {**named(f"filler-{number}"), "data": {"k": "v" * 50_000}}
        answer = await server.ask("POST", f"{NAMESPACE}/configmaps", body)
        if answer.status != 201:
            break
    assert (answer.status, answer.message) == (500, "etcdserver: mvcc: database space exceeded")


async def protect(server: InProcess, pod: str) -> None:
    """Make a ready Pod and the budget that one eviction of it is taken from."""
    selector = {"matchLabels": {"is": pod}}
    budget = {"metadata": {"name": pod}, "spec": {"selector": selector, "maxUnavailable": 1}}
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    assert (await server.ask("POST", budgets, budget)).status == 201
    counted = {"disruptionsAllowed": 1, "expectedPods": 1, "desiredHealthy": 1}
    status = {"status": {**counted, "currentHealthy": 1, "observedGeneration": 1}}
    ready = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    for path, patch in (
        (f"{budgets}/{pod}/status", status),
        (f"{NAMESPACE}/pods/{pod}/status", ready),
    ):
        assert (await server.ask("PATCH", path, patch, MERGE)).status == 200


def named(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


async def made(server: InProcess, plural: str, body: Any) -> Answer:
    answer = await server.ask("POST", f"{NAMESPACE}/{plural}", body)
    assert answer.status == 201, answer.body
    return answer


async def test_what_takes_space_is_refused(server: InProcess) -> None:
    grown = {"data": {"a": "b"}}
    for method, path, body in (
        ("POST", "configmaps", named("new")),
        ("PATCH", "configmaps/owner", grown),
        ("PATCH", "configmaps/held", {"metadata": {"finalizers": ["a.b/c", "a.b/d", "a.b/e"]}}),
        ("POST", "services", {**named("t"), "spec": {"ports": [{"port": 80}]}}),
    ):
        answer = await server.ask(method, f"{NAMESPACE}/{path}", body, media_type(method))
        assert (answer.status, answer.message) == (500, "etcdserver: mvcc: database space exceeded")


def media_type(method: str) -> str:
    return MERGE if method == "PATCH" else "application/json"


async def test_everything_can_be_deleted(server: InProcess) -> None:
    for method, path, body in (
        ("DELETE", "configmaps/owner?propagationPolicy=Orphan", None),
        # What the garbage collector does for an orphan, and for its owner.
        ("PATCH", "configmaps/dependent", {"metadata": {"ownerReferences": None}}),
        ("PATCH", "configmaps/owner", {"metadata": {"finalizers": None}}),
        ("DELETE", "configmaps/held", None),
        ("PATCH", "configmaps/held", {"metadata": {"finalizers": ["example.com/b"]}}),
        ("PATCH", "configmaps/held", {"metadata": {"finalizers": None}}),
        ("DELETE", "pods/bound", None),
        ("PATCH", "pods/bound/status", {"status": {"phase": "Failed"}}),
        ("DELETE", "pods/bound?gracePeriodSeconds=0", None),
        ("POST", "pods/evicted/eviction", named("evicted")),
        ("DELETE", "pods/evicted?gracePeriodSeconds=0", None),
        ("POST", "pods/protected/eviction", named("protected")),
        ("DELETE", "services/s", None),
        ("DELETE", "/api/v1/namespaces/gone", None),
    ):
        full = path if path.startswith("/") else f"{NAMESPACE}/{path}"
        answer = await server.ask(method, full, body, media_type(method))
        assert answer.status in (200, 201), (path, answer.body)
    found = await server.ask("GET", "/api/v1/namespaces/gone")
    final = {**found.body, "spec": {"finalizers": []}}
    assert (await server.ask("PUT", "/api/v1/namespaces/gone/finalize", final)).status == 200
    for path in ("configmaps/owner", "configmaps/held", "pods/bound", "pods/evicted", "services/s"):
        assert (await server.ask("GET", f"{NAMESPACE}/{path}")).status == 404, path
