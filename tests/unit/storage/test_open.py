"""URLs of stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.errors import Unavailable
from storage.memory import MemoryStore
from storage.open import UnknownStore, open_store, without_credentials
from storage.sqlite.store import SQLiteStore
from tests.free_ports import free_port


async def test_memory_is_a_store() -> None:
    store = await open_store("memory://")
    assert isinstance(store, MemoryStore)
    await store.close()


async def test_a_file_is_a_store_and_its_directory_is_made(tmp_path: Path) -> None:
    path = tmp_path / "some dir" / "store.db"
    store = await open_store(f"sqlite:///{str(path).replace(' ', '%20')}")
    assert isinstance(store, SQLiteStore)
    await store.close()
    assert path.exists()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("url", ["", "memory", "sqlite://", "sqlite:///", "mysql://x", "/a/file"])
async def test_anything_else_is_not(url: str) -> None:
    with pytest.raises(UnknownStore):
        await open_store(url)


CREDENTIALS = [
    # a URL, and what is shown of it
    ("http://root:hunter2@etcd:2379", "http://etcd:2379"),
    ("etcd://root:hunter2@etcd:2379", "etcd://etcd:2379"),
    ("etcd://http://a:1,https://root:hunter2@b:2", "etcd://http://a:1,https://b:2"),
    ("etcd://a:1,root:hunter2@b:2", "etcd://a:1,b:2"),
    ("mysql://root:hunter2@db/x", "mysql://db/x"),
]


@pytest.mark.parametrize(("url", "shown"), CREDENTIALS)
async def test_credentials_in_a_url_are_refused_and_not_shown(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
    with pytest.raises(UnknownStore) as refused:
        await open_store(url)
    assert str(refused.value).startswith(shown)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "etcd://127.0.0.1:{port}"])
async def test_an_etcd_that_does_not_answer_is_unavailable(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.etcd.connection.CONNECT_WAIT", 0.05)
    with pytest.raises(Unavailable, match="no connection to etcd"):
        await open_store(url.format(port=free_port()))
