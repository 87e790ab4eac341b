"""Requests to a frozen etcd, which keeps its connections but never responds, time out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.etcd_process import EtcdProcess, etcd_process
from tests.unit.server.in_process import InProcess, server_in_process

MAPS: Final = "/api/v1/namespaces/default/configmaps"
BODY: Final = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a"},
    "data": {"k": "w"},
}
JSON: Final = "application/json"
#: The requests' own timeouts in seconds; without them a server waits for a minute.
TIMEOUT: Final = 1.0
FAR_LESS_THAN_A_MINUTE: Final = 45.0


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[InProcess, EtcdProcess]]:
    with etcd_process() as etcd:
        address = etcd.endpoint.replace("http://", "etcd://")
        async with server_in_process(tmp_path, f"--storage={address}") as server:
            created = await server.ask("POST", MAPS, {**BODY, "data": {"k": "v"}})
            assert created.status == 201
            try:
                yield server, etcd
            finally:
                etcd.resume()


async def test_every_verb_ends_by_its_deadline(server: tuple[InProcess, EtcdProcess]) -> None:
    """All at once, so that they end together; whatever became of the writes, it became of all."""
    asking, etcd = server
    operation = [{"op": "replace", "path": "/data/k", "value": "w"}]
    change = {"data": {"k": "w"}}
    requests: list[tuple[str, str, Any, str]] = [
        ("POST", MAPS, {**BODY, "metadata": {"name": "b"}}, JSON),
        ("PUT", f"{MAPS}/a", BODY, JSON),
        ("PATCH", f"{MAPS}/a", operation, "application/json-patch+json"),
        ("PATCH", f"{MAPS}/a", change, "application/merge-patch+json"),
        ("PATCH", f"{MAPS}/a", change, "application/strategic-merge-patch+json"),
        ("PATCH", f"{MAPS}/a", BODY, "application/apply-patch+yaml"),
        # Nothing changes, or nothing is found, as far as the server knows: it has to ask.
        ("PATCH", f"{MAPS}/a", {}, "application/merge-patch+json"),
        ("PATCH", f"{MAPS}/none", change, "application/merge-patch+json"),
        ("DELETE", f"{MAPS}/a", None, JSON),
        ("DELETE", f"{MAPS}/none", None, JSON),
        ("DELETE", MAPS, None, JSON),
        ("GET", f"{MAPS}/a", None, JSON),
        ("GET", MAPS, None, JSON),
    ]
    etcd.pause()
    async with asyncio.timeout(FAR_LESS_THAN_A_MINUTE):
        answers = await asyncio.gather(
            *(
                asking.ask(method, f"{path}?timeout={TIMEOUT}s&fieldManager=m", body, media_type)
                for method, path, body, media_type in requests
            )
        )
    for (method, path, _, media_type), answer in zip(requests, answers, strict=True):
        what = (method, path, media_type, answer.body)
        assert answer.status == 504, what
        assert answer.body["reason"] == "Timeout", what
    etcd.resume()
    # The server goes on as before.
    changed = await asking.ask("GET", MAPS)
    assert changed.status == 200
