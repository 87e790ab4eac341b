"""Health checks of a store that refuses: the endpoint fails with the reason."""

from __future__ import annotations

import asyncio

import pytest

from apiserver.endpoints.health import Health
from apiserver.registry.codec import ObjectCodec
from apiserver.schema.structtypes import struct_of_kind
from apiserver.server.health_checks import health_checks
from storage.cache.cache import WatchCache
from storage.codec import CodecStore
from storage.errors import Unavailable
from storage.memory import MemoryStore

REASON = "etcd: UNAUTHENTICATED: etcdserver: user name is empty"


class Refusing(MemoryStore):
    """An etcd that has turned on authentication."""

    refuses = False

    def current_revision(self) -> int | None:
        return None

    async def revision(self) -> int:
        if self.refuses:
            raise Unavailable(REASON)
        return await super().revision()


@pytest.mark.parametrize("name", ["etcd", "etcd-readiness", "informer-sync"])
async def test_a_store_that_refuses_is_not_ready_for_a_reason(name: str) -> None:
    store = Refusing()
    inner = CodecStore(store, ObjectCodec(struct_of_kind))
    async with WatchCache(inner, "/r/") as cache:
        health = Health(health_checks(store, cache, asyncio.Event()))
        assert (await health.single("readyz", name)).status == 200
        store.refuses = True
        found = await health.single("readyz", name)
        assert (found.status, found.text) == (500, f"internal server error: {REASON}\n")
        whole = await health.report("readyz", verbose=False, excluded=())
        assert (whole.status, f"[-]{name} failed" in whole.text) == (500, True)
