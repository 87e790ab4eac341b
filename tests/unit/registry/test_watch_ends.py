"""Watches after the initial state: bookmarks, history, and the end."""

from __future__ import annotations

from contextlib import closing

import pytest

from apiserver.machinery.errors import Expired
from apiserver.registry.watch import BOOKMARK, watch_objects
from storage.errors import Unavailable
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, PODS, named
from tests.unit.registry.watched import (
    Cluster,
    another_server,
    asked,
    watched_cluster,
)
from tests.unit.registry.watching import Client, make, shown, watching

BOOKMARKS = "allowWatchBookmarks=true"


async def test_a_bookmark_never_overtakes_what_is_due(cluster: Cluster) -> None:
    async with watching(cluster, f"{BOOKMARKS}&resourceVersion=1") as client:
        assert client.watch.bookmark() is None
        await client.opening()
        await client.due()
        (a,) = await make(cluster, "a")
        await cluster.registry.store.wait_until_fresh()
        assert client.watch.bookmark() is None
        assert await client.due() == [("ADDED", "a", a)]
        cluster.store.feeding.clear()
        await make(cluster, "b")
        mark = client.watch.bookmark()
        assert mark is not None
        assert shown(mark) == (BOOKMARK, "", a)
        assert mark.stored.object == {
            "kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": str(a)},
        }  # fmt: skip
        assert client.watch.bookmark() is None
        cluster.store.feeding.set()


async def test_a_bookmark_tells_of_what_happened_elsewhere_once(cluster: Cluster) -> None:
    async with watching(cluster, BOOKMARKS, of=PODS) as client:
        await client.opening()
        assert client.watch.bookmark() is None
        await cluster.create(NAMESPACES, named("other"))
        await cluster.registry.store.wait_until_fresh()
        mark = client.watch.bookmark()
        assert mark is not None
        assert mark.revision == await cluster.store.revision()
        assert mark.stored.object["spec"] == {"containers": None}
        assert client.watch.bookmark() is None


async def test_a_watch_that_takes_no_bookmarks_gets_none(cluster: Cluster) -> None:
    async with watching(cluster) as client:
        assert await client.opening() == []
        await make(cluster, "a")
        await client.due()
        assert client.watch.bookmark() is None


async def test_history_is_joined_with_what_follows(cluster: Cluster) -> None:
    first, *_ = await make(cluster, "a", "b", "c", x="1")
    await make(cluster, "d", x="2")
    await cluster.delete(CONFIG_MAPS, "b")
    revision = await cluster.store.revision()
    async with (
        another_server(cluster) as other,
        watching(other, f"resourceVersion={first}&labelSelector=x=1&{BOOKMARKS}") as client,
    ):
        opening = client.watch.opening()
        found = []
        async for events in opening:
            found += map(shown, events)
            if events:
                (e,) = await make(cluster, "e", x="1")
                await other.registry.store.wait_until_fresh()
        client.watch.subscribed(client.wake)
        found += await client.due()
        (f,) = await make(cluster, "f", x="1")
        found += await client.due()
        assert client.watch.bookmark() is not None
    assert found == [
        ("ADDED", "b", first + 1), ("ADDED", "c", first + 2), ("DELETED", "b", revision),
        ("ADDED", "e", e), ("ADDED", "f", f),
    ]  # fmt: skip


async def test_a_watch_from_a_compacted_revision_has_expired(cluster: Cluster) -> None:
    first, second, third = await make(cluster, "a", "b", "c")
    await cluster.store.compact(second)
    async with another_server(cluster) as other:
        async with watching(other, f"resourceVersion={first}") as client:
            with pytest.raises(Expired) as refused:
                await client.opening()
        assert refused.value.code == 410
        assert refused.value.message == f"too old resource version: {first} ({second - 1})"
        async with watching(other, f"resourceVersion={second}&{BOOKMARKS}") as client:
            assert await client.opening() == [("ADDED", "c", third)]
            assert client.watch.bookmark() is None


async def test_a_watch_that_reads_too_slowly_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.cache.cache.BACKLOG", 2)
    async with watched_cluster() as cluster, watching(cluster) as client:
        await client.opening()
        await make(cluster, "a", "b")
        assert len(await client.due()) == 2
        for name in ("c", "d", "e"):
            await make(cluster, name)
            await cluster.registry.store.wait_until_fresh()
        assert [name for _, name, _ in await client.due()] == ["c", "d"]
        with pytest.raises(EOFError):
            client.watch.take_parts()


async def test_a_watch_ends_with_its_kind_once_all_is_told(cluster: Cluster) -> None:
    async with watching(cluster) as client:
        await client.opening()
        (a,) = await make(cluster, "a")
        await cluster.registry.store.wait_until_fresh()
        before = client.wakes
        cluster.resource(CONFIG_MAPS).lifetime.end()
        assert client.wakes == before + 1
        assert await client.due() == [("ADDED", "a", a)]
        with pytest.raises(EOFError):
            client.watch.take_parts()


async def test_a_watch_of_a_kind_that_is_gone_ends_at_once(cluster: Cluster) -> None:
    config_maps = cluster.resource(CONFIG_MAPS)
    watch = await watch_objects(config_maps, "ns", asked())
    config_maps.lifetime.end()
    with closing(watch):
        client = Client(cluster, watch)
        assert await client.opening() == []
        assert client.wakes == 1
        with pytest.raises(EOFError):
            watch.take_parts()


async def test_a_watch_ends_with_the_store(cluster: Cluster) -> None:
    async with another_server(cluster) as other, watching(other) as client:
        await client.opening()
        await other.registry.store.__aexit__()
        with pytest.raises(EOFError) as ended:
            client.watch.take_parts()
    assert isinstance(ended.value.__cause__, Unavailable)
    assert client.wakes == 1


async def test_a_watch_that_is_closed_leaves_nothing_behind(cluster: Cluster) -> None:
    async with watching(cluster) as client:
        await client.opening()
        assert cluster.registry.store.watchers == 1
    assert cluster.registry.store.watchers == 0
    assert not cluster.resource(CONFIG_MAPS).lifetime._callbacks
    await make(cluster, "a")
    await cluster.registry.store.wait_until_fresh()
    cluster.resource(CONFIG_MAPS).lifetime.end()
    assert client.wakes == 0
