"""Conversion by webhook: one call for a batch, shared by all readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest

from apiserver.client.client import Reader
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.registry.codec import ObjectCodec
from apiserver.registry.dryrun import DryRun
from apiserver.registry.reader import CacheReader, TrackedReader
from apiserver.registry.stored import Stored
from apiserver.registry.webhook_view import WebhookView
from apiserver.resources.conversion import Conversion, Uncalled
from apiserver.schema.asyncresults import ResultNeeded, require, run_with_results
from apiserver.schema.kindtypes import Inconvertible
from apiserver.schema.structtypes import struct_of_kind
from storage.cache.cache import WatchCache
from storage.codec import CodecStore
from storage.errors import Corrupt, RevisionConflict
from storage.interface import ABSENT, Delete, Put
from storage.memory import MemoryStore
from tests.unit.registry.views import PREFIX, Views, cached_store, widget


class Hook:
    """Converts between v1, which is stored, and v2; it notes the names that it is asked for."""

    served, stored = "v2", "v1"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        #: The webhook cannot be called.
        self.broken = False
        #: The names of what it does not convert.
        self.refused: set[str] = set()

    def read(self, document: Object) -> Object:
        return document

    async def convert_batch(
        self, documents: Sequence[Object], api_version: str
    ) -> AsyncGenerator[Object, None]:
        self.asked.append([each["metadata"]["name"] for each in documents])
        await self.open.wait()
        for each in documents:
            if self.broken or each["metadata"]["name"] in self.refused:
                raise (Uncalled if self.broken else Inconvertible)("it will not")
            yield {**each, "apiVersion": api_version, "by": "hook"}

    def pruned(self, document: Object) -> Object:
        return document

    def conversion(self) -> Conversion:
        def converted(document: Object, api_version: str) -> Object:
            if document["apiVersion"] == api_version:
                return document

            async def ask() -> Object:
                (converted,) = [each async for each in self.convert_batch([document], api_version)]
                return converted

            return require((api_version, document["metadata"]["name"]), ask)

        return Conversion(
            lambda document: converted(document, "v1"), lambda document: converted(document, "v2")
        )


class WebhookViews(Views[WebhookView]):
    """The same objects in both versions, and the webhook between them."""

    def __init__(self, store: MemoryStore, cache: WatchCache[Stored]) -> None:
        self.hook = Hook()
        served = WebhookView(cache, self.hook.conversion(), self.hook, PREFIX)
        super().__init__(store, cache, served)

    async def versions(self) -> list[str]:
        """Return the versions of all objects, which are made ready."""
        page = self.served.list_cached(PREFIX)
        await self.served.ready(page.records)
        return [record.value.object["apiVersion"] for record in page.records]


@pytest.fixture
async def views() -> AsyncIterator[WebhookViews]:
    async with cached_store() as (store, cache):
        yield WebhookViews(store, cache)
    assert len(asyncio.all_tasks()) == 1


async def test_a_page_is_asked_for_once(views: WebhookViews) -> None:
    await views.make("a", "b")
    for _ in range(3):
        assert await views.versions() == ["v2", "v2"]
    assert views.hook.asked == [["a", "b"]]


async def test_what_is_stored_in_the_served_version_is_not_asked_for(views: WebhookViews) -> None:
    await views.make("a")
    await views.make("b", version="v2")
    assert await views.versions() == ["v2", "v2"]
    assert views.hook.asked == [["a"]]


async def test_a_request_has_a_limited_number_of_objects(views: WebhookViews) -> None:
    await views.make(*(f"{number:04}" for number in range(501)))
    await views.versions()
    assert [len(names) for names in views.hook.asked] == [500, 1]


async def test_who_needs_the_same_objects_waits_for_the_same_answer(views: WebhookViews) -> None:
    await views.make("a", "b")
    views.hook.open.clear()
    first = asyncio.create_task(views.versions())
    await asyncio.sleep(0)
    await views.make("c")
    second = asyncio.create_task(views.versions())
    await asyncio.sleep(0)
    views.hook.open.set()
    assert (await first, await second) == (["v2"] * 2, ["v2"] * 3)
    assert views.hook.asked == [["a", "b"], ["c"]]


async def test_who_goes_away_does_not_fail_the_others(views: WebhookViews) -> None:
    await views.make("a")
    views.hook.open.clear()
    first, second = (asyncio.create_task(views.versions()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    views.hook.open.set()
    assert await second == ["v2"]
    assert views.hook.asked == [["a"], ["a"]]
    assert first.cancelled()


async def test_an_error_is_the_error_of_all_who_wait_and_not_kept(views: WebhookViews) -> None:
    await views.make("a")
    views.hook.open.clear()
    views.hook.broken = True
    waiting = [asyncio.create_task(views.versions()) for _ in range(3)]
    await asyncio.sleep(0)
    views.hook.open.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(each.__cause__) for each in answers if isinstance(each, Corrupt)] == [
        "it will not"
    ] * 3
    assert views.hook.asked == [["a"]]
    views.hook.broken = False
    assert await views.versions() == ["v2"]


async def test_an_object_that_is_not_converted_fails_only_those_who_need_it(
    views: WebhookViews,
) -> None:
    await views.make("a", "b", "c")
    views.hook.open.clear()
    views.hook.refused = {"b"}

    async def read(*names: str) -> list[str]:
        found = [views.served.get_newest_known(PREFIX + name) for name in names]
        records = [record for record in found if record is not None]
        await views.served.ready(records)
        return [record.value.object["apiVersion"] for record in records]

    waiting = [asyncio.create_task(each) for each in (views.versions(), read("c"), read("a", "b"))]
    await asyncio.sleep(0)
    views.hook.open.set()
    whole, other, part = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(each) for each in (whole, part)] == [f"{PREFIX}b: it will not"] * 2
    assert other == ["v2"]
    assert views.hook.asked == [["a", "b", "c"], ["c"]]
    views.hook.refused = set()
    # What was converted before the failure is not asked for again.
    assert await views.versions() == ["v2"] * 3
    assert views.hook.asked[2:] == [["b"]]


async def test_what_is_not_ready_can_be_asked_for_when_it_is_needed(views: WebhookViews) -> None:
    await views.make("a")
    record = views.served.get_newest_known(PREFIX + "a")
    assert record is not None
    with pytest.raises(ResultNeeded) as missing:
        _ = record.value.object
    await missing.value.call()
    assert record.value.object["apiVersion"] == "v2"
    assert views.hook.asked == [["a"]]


@pytest.mark.parametrize("kind", [CacheReader, lambda find: TrackedReader(find, {})])
async def test_a_reader_asks_once_for_all_objects_of_a_list(
    views: WebhookViews, kind: Callable[[Any], Reader]
) -> None:
    await views.make("a", "b", "c")
    resource = SimpleNamespace(
        store=views.served, webhook_view=views.served, prefix=lambda namespace: PREFIX, listed={}
    )
    reader = kind(lambda *_: resource)
    things = GroupVersionResource("", "v2", "things")
    found = await run_with_results(lambda: list(reader.list(things)))
    assert [each["apiVersion"] for each in found] == ["v2"] * 3
    assert views.hook.asked == [["a", "b", "c"]]


async def test_what_is_written_is_converted_there_and_back(views: WebhookViews) -> None:
    made, other = await views.served.commit(
        [Put(PREFIX + "a", widget("a", "v2"), ABSENT), Put("/r/others/b", widget("b"), ABSENT)]
    )
    assert (made.value.object["apiVersion"], other.value.object["apiVersion"]) == ("v2", "v1")
    raw = await views.store.get(PREFIX + "a")
    assert raw is not None
    assert b'"apiVersion":"v1"' in raw.value
    assert views.hook.asked == [["a"], ["a"]]
    with pytest.raises(RevisionConflict) as refused:
        await views.served.put(PREFIX + "a", widget("a", "v2"), expected=ABSENT)
    current = refused.value.current
    assert current is not None
    assert current.value.object["apiVersion"] == "v2"
    (gone,) = await views.served.commit([Delete(PREFIX + "a", made.revision)])
    assert gone.value.object["apiVersion"] == "v2"


async def test_a_write_that_cannot_be_converted_changes_nowidget(views: WebhookViews) -> None:
    views.hook.broken = True
    for store in (views.served, DryRun(views.served, views.served)):
        with pytest.raises(Corrupt, match="it will not"):
            await store.commit([Put(PREFIX + "a", widget("a", "v2"), ABSENT)])
    assert await views.store.get(PREFIX + "a") is None


async def test_a_dry_run_shows_what_would_be_read(views: WebhookViews) -> None:
    dry = DryRun(views.served, views.served)
    (made,) = await dry.commit([Put(PREFIX + "a", widget("a", "v2"), ABSENT)])
    assert made.value.object["by"] == "hook"
    assert views.hook.asked == [["a"], ["a"]]
    assert await views.store.get(PREFIX + "a") is None


async def test_events_come_in_order_when_they_are_converted(views: WebhookViews) -> None:
    watcher = views.served.subscribe(PREFIX, views.served.cached_revision)
    woken = asyncio.Event()
    watcher.wake = woken.set
    views.hook.open.clear()
    await views.make("a")
    await asyncio.sleep(0)
    await views.make("b", "c")
    assert not watcher.idle
    assert list(watcher.take_parts()) == []
    views.hook.open.set()
    names: list[str] = []
    while len(names) < 3:
        await woken.wait()
        woken.clear()
        while parts := watcher.take_parts():
            records = [event.record for part in parts for event in part if event.record]
            names += [record.value.object["metadata"]["name"] for record in records]
    assert names == ["a", "b", "c"]
    assert watcher.idle
    assert views.hook.asked[0] == ["a"]
    watcher.close()


async def test_a_watch_ends_with_the_error_of_the_webhook(views: WebhookViews) -> None:
    watcher = views.served.subscribe(PREFIX, views.served.cached_revision)
    woken = asyncio.Event()
    watcher.wake = woken.set
    views.hook.broken = True
    await views.make("a")
    await woken.wait()
    with pytest.raises(Corrupt, match="it will not"):
        watcher.take_parts()
    watcher.close()


async def test_events_before_the_error_are_delivered(views: WebhookViews) -> None:
    watcher = views.served.subscribe(PREFIX, views.served.cached_revision)
    woken = asyncio.Event()
    watcher.wake = woken.set
    views.hook.refused = {"b"}
    views.hook.open.clear()
    await views.make("a", "b", "c")
    views.hook.open.set()
    names: list[str] = []
    while "a" not in names:
        await woken.wait()
        woken.clear()
        parts = watcher.take_parts()
        names += [event.key.removeprefix(PREFIX) for part in parts for event in part]
    if watcher.idle:
        await woken.wait()
    with pytest.raises(Corrupt, match="b: it will not"):
        watcher.take_parts()
    assert names == ["a"]
    watcher.close()


async def test_a_watch_that_is_closed_leaves_no_task_behind(views: WebhookViews) -> None:
    await views.make("a")
    views.hook.open.clear()
    watcher = views.served.subscribe(PREFIX, 1)
    await asyncio.sleep(0)
    assert not watcher.idle
    watcher.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_history_is_converted_too(views: WebhookViews) -> None:
    await views.make("a")
    async with WatchCache(CodecStore(views.store, ObjectCodec(struct_of_kind)), "/r/") as later:
        served = WebhookView(later, views.hook.conversion(), views.hook, PREFIX)
        async with aclosing(served.watch_history(PREFIX, 1)) as batches:
            found = [event.record async for batch in batches for event in batch.events]
    assert [record.value.object["apiVersion"] for record in found if record] == ["v2"]


async def test_metadata_can_be_read_without_the_webhook(views: WebhookViews) -> None:
    await views.make("a")
    record = views.served.as_stored().get_cached(PREFIX + "a")
    assert record is not None
    assert record.value.object["apiVersion"] == "v1"
    assert views.hook.asked == []
