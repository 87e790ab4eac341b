"""A store that does not answer when the server starts: a shared one is waited for."""

from __future__ import annotations

import pytest

from apiserver.server import assembly
from storage.errors import Unavailable
from storage.memory import MemoryStore


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stores that were opened; the first three attempts fail."""
    opened: list[str] = []

    async def open_store(url: str, **_: object) -> MemoryStore:
        opened.append(url)
        if len(opened) <= 3:
            raise Unavailable("no connection")
        return MemoryStore()

    monkeypatch.setattr(assembly, "open_store", open_store)
    monkeypatch.setattr(assembly, "_OPEN_RETRY_SECONDS", 0.0)
    return opened


async def test_a_shared_store_is_waited_for(
    attempts: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    options = assembly.StorageOptions("etcd://a:1", "/registry", {}, shared=True)
    assert isinstance(await assembly.open_configured_store(options), MemoryStore)
    assert attempts == 4 * ["etcd://a:1"]
    assert caplog.messages == 3 * ["the server starts when its store answers: no connection"]


async def test_a_file_that_cannot_be_opened_is_not(attempts: list[str]) -> None:
    options = assembly.StorageOptions("sqlite:///x", "/registry", {})
    with pytest.raises(Unavailable):
        await assembly.open_configured_store(options)
    assert attempts == ["sqlite:///x"]
