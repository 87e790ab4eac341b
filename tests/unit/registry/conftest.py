"""A cluster for tests of the registry."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from storage.cache.cache import WatchCache
from tests.unit.registry.watched import Cluster, watched_cluster


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with watched_cluster() as cluster:
        yield cluster


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the wait for a revision that has not come end at once."""
    monkeypatch.setattr(WatchCache.wait_for_revision, "__defaults__", (0.0,))
