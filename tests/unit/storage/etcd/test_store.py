"""What the store makes of answers that a real etcd gives rarely, or only in other versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import grpc  # type: ignore[import-untyped, unused-ignore]
import pytest

from storage.cache.cache import WatchCache
from storage.errors import OutcomeUnknown, RevisionConflict, Unavailable, ValueTooLarge
from storage.etcd import rpc
from storage.etcd.store import EtcdStore
from storage.interface import ABSENT, Batch
from tests.unit.storage.etcd.fake import FakeEtcd, serving
from tests.waiting import FOR_EVER, PATIENCE, eventually

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


class Running:
    """Scripted etcds and a store that is connected to them."""

    def __init__(self, etcds: list[FakeEtcd], store: EtcdStore) -> None:
        self.etcds = etcds
        self.store = store


@pytest.fixture
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    """One scripted etcd of a recent version, or as the parameter says."""
    versions = getattr(request, "param", ["3.5.21"])
    async with AsyncExitStack() as stack:
        etcds = [await stack.enter_async_context(serving(FakeEtcd(each))) for each in versions]
        store = await EtcdStore.open([etcd.endpoint for etcd in etcds])
        stack.push_async_callback(store.close)
        yield Running(etcds, store)


def succeeded(revision: int) -> rpc.TxnResponse:
    """Return the answer to a create that was made."""
    return rpc.TxnResponse(
        succeeded=True, header=rpc.ResponseHeader(revision=revision), responses=[rpc.ResponseOp()]
    )


REFUSALS = [
    # what etcd says, what the store says, how often it was asked
    (EXHAUSTED, "etcdserver: mvcc: database space exceeded", Unavailable),
    (EXHAUSTED, "etcdserver: too many requests", Unavailable),
    (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: request is too large", ValueTooLarge),
    (EXHAUSTED, "grpc: received message larger than max (9 vs. 5)", ValueTooLarge),
    (grpc.StatusCode.PERMISSION_DENIED, "etcdserver: permission denied", Unavailable),
    (grpc.StatusCode.UNAUTHENTICATED, "etcdserver: invalid auth token", Unavailable),
    (UNAVAILABLE, "etcdserver: no leader", Unavailable),
]


@pytest.mark.parametrize(("code", "details", "error"), REFUSALS)
async def test_what_etcd_refuses_was_not_done(
    running: Running, code: grpc.StatusCode, details: str, error: type[Exception]
) -> None:
    running.etcds[0].changes = [(code, details)]
    with pytest.raises(error):
        await running.store.put("/r/a", b"v", expected=ABSENT)
    assert running.etcds[0].asked.count("txn") == 1


@pytest.mark.parametrize(
    "details",
    [
        "etcdserver: request timed out",
        "etcdserver: leader changed",
        "etcdserver: server stopped",
        "transport is closing",
    ],
)
async def test_a_create_that_etcd_lost_sight_of_is_of_unknown_outcome(
    running: Running, details: str
) -> None:
    running.etcds[0].changes = [(UNAVAILABLE, details)]
    with pytest.raises(OutcomeUnknown):
        await running.store.put("/r/a", b"v", expected=ABSENT)
    assert running.etcds[0].asked[-2:] == ["txn", "range"]


@pytest.mark.parametrize("running", [["3.5.21", "3.5.21"]], indirect=True)
async def test_a_member_without_a_leader_is_left_for_another(running: Running) -> None:
    """It says so before it looks at the request, so the other one may be asked."""
    members = running.store._connection._members
    await eventually(lambda: all(member.ready for member in members))
    script: list[rpc.TxnResponse | tuple[grpc.StatusCode, str]] = []
    script += [(UNAVAILABLE, "etcdserver: no leader"), succeeded(11)]
    for etcd in running.etcds:
        etcd.changes = script
    assert (await running.store.put("/r/a", b"v", expected=ABSENT)).revision == 11
    assert [etcd.asked.count("txn") for etcd in running.etcds] == [1, 1]


async def test_an_update_is_sent_again_until_it_is_known(running: Running) -> None:
    lost = (UNAVAILABLE, "etcdserver: request timed out")
    conflict = rpc.TxnResponse(
        responses=[
            rpc.ResponseOp(
                response_range=rpc.RangeResponse(
                    kvs=[rpc.KeyValue(key=b"/r/a", value=b"v", mod_revision=8, create_revision=3)]
                )
            )
        ]
    )
    running.etcds[0].changes = [lost, lost, conflict]
    written = await running.store.put("/r/a", b"v", expected=7)
    assert (written.revision, written.created) == (8, 3)
    running.etcds[0].changes = [conflict]
    with pytest.raises(RevisionConflict):
        await running.store.put("/r/a", b"v", expected=7)


async def test_progress_is_asked_for_and_believed(running: Running) -> None:
    etcd, store = running.etcds[0], running.store
    async with WatchCache(store, "/r/") as cache:
        assert cache.cached_revision == 10
        etcd.revision = 25
        assert await cache.wait_until_fresh()
        assert cache.cached_revision == 25
        assert etcd.progress_requests > 0


@pytest.mark.parametrize("running", [["3.5.1"]], indirect=True)
async def test_progress_is_neither_asked_for_nor_believed_of_an_old_etcd(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    etcd, store = running.etcds[0], running.store
    async with WatchCache(store, "/r/") as cache:
        etcd.revision = 25
        etcd.send(rpc.WatchResponse(header=rpc.ResponseHeader(revision=25)))
        assert not await cache.wait_until_fresh()
        assert cache.cached_revision == 10
        assert etcd.progress_requests == 0
        # Where it is known that the feed does not get there, nobody waits for it again.
        monkeypatch.setattr("storage.cache.cache._FEED_DELAY", FOR_EVER)
        async with asyncio.timeout(PATIENCE):
            assert not await cache.wait_until_fresh()
        asked = etcd.asked.count("range")
        assert await cache.get("/r/a") is None
        assert etcd.asked.count("range") == asked + 2


async def test_an_etcd_that_was_set_back_is_forgotten_history(running: Running) -> None:
    """A watch that has told revision 20 cannot go on in a store that has only 12."""
    etcd, store = running.etcds[0], running.store
    async with WatchCache(store, "/r/") as cache:
        etcd.revision = 20
        assert await cache.wait_until_fresh()
        watcher = cache.subscribe("/r/", 20)
        etcd.revision = 12
        etcd.send(rpc.WatchResponse(canceled=True, cancel_reason="restored from a backup"))
        await eventually(lambda: cache.cached_revision != 20)
        assert cache.cached_revision == 12
        with pytest.raises(Unavailable):
            watcher.take()


async def test_a_watch_that_etcd_ends_goes_on_in_another_stream(running: Running) -> None:
    etcd, store = running.etcds[0], running.store
    watch = store.watch("/r/", after=10)
    assert await anext(watch) == Batch(10)
    etcd.send(rpc.WatchResponse(canceled=True, cancel_reason="etcdserver: no leader"))
    reading = asyncio.ensure_future(anext(watch))
    while not reading.done():
        etcd.revision = 11
        store.request_progress()
        await asyncio.wait([reading], timeout=0.02)
    assert await reading == Batch(11)
    await watch.aclose()
