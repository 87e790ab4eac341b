"""Time to live where the clock is etcd's own: real seconds pass."""

from __future__ import annotations

import pytest

from storage.etcd.store import EtcdStore
from storage.interface import ABSENT
from tests.contract.store.stacks import STACKS
from tests.contract.store.watching import watching


@pytest.mark.parametrize("stack", ["etcd", "cache-over-etcd"])
async def test_etcd_deletes_what_has_expired_in_one_batch(etcd_url: str, stack: str) -> None:
    async with STACKS[stack].opened(etcd_url) as setting:
        store = setting.store
        start = await store.revision()
        async with watching(setting, after=start) as watch:
            # Lifetimes below 20 seconds have a lease each, so these end one by one.
            made = [
                await store.put(setting.key(name), setting.value("v"), expected=ABSENT, ttl=1)
                for name in "ab"
            ]
            kept = await store.put(setting.key("c"), setting.value("v"), expected=ABSENT)
            while sum(event.record is None for event in watch.events) < 2:
                await watch.batch()
        gone = {event.key: event.previous for event in watch.events if event.record is None}
        assert gone == {record.key: record for record in made}
        assert list((await store.list(setting.root)).records) == [kept]


async def test_a_lease_that_is_gone_is_replaced(etcd_url: str) -> None:
    """An etcd that lost a lease refuses the write; the write is then made with a new one."""
    async with STACKS["etcd"].opened(etcd_url) as setting:
        store = setting.store
        assert isinstance(store, EtcdStore)
        first = await store.put(setting.key("a"), setting.value("v"), expected=ABSENT, ttl=3600)
        (lease,) = store._leases._open.values()
        lease.id += 1
        second = await store.put(setting.key("b"), setting.value("v"), expected=ABSENT, ttl=3600)
        assert list((await store.list(setting.root)).records) == [first, second]
