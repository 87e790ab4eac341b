"""Large documents pass admission and allocation in threads, with the results of small ones."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from apiserver.access.admission.plugins.limit_ranger import LimitRanger
from apiserver.registry.offload import SMALL
from apiserver.resources.builtin.core.services import nodeports
from tests.unit.server.in_process import InProcess, server_in_process

NAMESPACE = "/api/v1/namespaces/default"
LARGE = "x" * (SMALL + 1)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with server_in_process(tmp_path, "--disable-admission-plugins=ServiceAccount") as server:
        yield server


def noted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[bool]:
    """Note for each call of a function whether a thread beside the event loop has made it."""
    calls: list[bool] = []
    original = getattr(owner, name)

    def note(*args: Any) -> Any:
        calls.append(threading.current_thread() is not threading.main_thread())
        return original(*args)

    monkeypatch.setattr(owner, name, note)
    return calls


@pytest.mark.parametrize("padding", ["", LARGE], ids=["small", "large"])
async def test_ranges_and_quotas_apply(
    server: InProcess, monkeypatch: pytest.MonkeyPatch, padding: str
) -> None:
    beside = noted(monkeypatch, LimitRanger, "mutate") + noted(monkeypatch, LimitRanger, "validate")
    limits = [{"type": "Container", "default": {"cpu": "1"}, "max": {"cpu": "2"}}]
    kinds = {"limitranges": {"limits": limits}, "resourcequotas": {"hard": {"pods": "1"}}}
    for plural, spec in kinds.items():
        await server.ask("POST", f"{NAMESPACE}/{plural}", {"metadata": {"name": "r"}, "spec": spec})
    status = {"status": {"hard": {"pods": "1"}, "used": {"pods": "0"}}}
    path = f"{NAMESPACE}/resourcequotas/r/status"
    await server.ask("PATCH", path, status, "application/merge-patch+json")

    async def create(name: str, **container: Any) -> Any:
        spec = {"containers": [{"name": "c", "image": "i", **container}]}
        metadata = {"name": name, "annotations": {"padding": padding}}
        return await server.ask("POST", f"{NAMESPACE}/pods", {"metadata": metadata, "spec": spec})

    refused = await create("a", resources={"limits": {"cpu": "3"}})
    assert (refused.status, "maximum cpu usage" in refused.message) == (403, True)
    created = await create("b")
    assert created.body["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1"}
    refused = await create("c")
    assert (refused.status, "exceeded quota" in refused.message) == (403, True)
    assert all(each is bool(padding) for each in beside)


@pytest.mark.parametrize("padding", ["", LARGE], ids=["small", "large"])
async def test_ports_and_addresses_are_allocated(
    server: InProcess, monkeypatch: pytest.MonkeyPatch, padding: str
) -> None:
    beside = noted(monkeypatch, nodeports.PortOperation, "take_any")
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "n", "uid": "u"}
    metadata = {"annotations": {"padding": padding}, "ownerReferences": [owner, owner]}
    ports = set()
    for name in ("a", "b"):
        spec = {"type": "NodePort", "ports": [{"port": 80}]}
        body = {"metadata": {**metadata, "name": name}, "spec": spec}
        created = await server.ask("POST", f"{NAMESPACE}/services", body)
        assert created.body["metadata"]["ownerReferences"] == [owner]
        assert created.body["spec"]["clusterIP"]
        ports.add(created.body["spec"]["ports"][0]["nodePort"])
    assert len(ports) == 2
    assert set(beside) == {bool(padding)}
