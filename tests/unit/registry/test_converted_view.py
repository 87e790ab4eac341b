"""An object in another version than the stored one: converted once, and kept with its record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from apiserver.machinery.objects import Object
from apiserver.registry import converted_view
from apiserver.registry.codec import ObjectCodec
from apiserver.registry.converted_view import ConvertedView
from apiserver.registry.stored import MAX_CONVERTED, Stored
from apiserver.resources.conversion import Conversion
from apiserver.schema.structtypes import struct_of_kind
from storage.cache.cache import WatchCache
from storage.codec import CodecStore
from storage.errors import Corrupt, RevisionConflict
from storage.interface import ABSENT, Delete, Put
from storage.memory import MemoryStore
from tests.unit.registry.views import PREFIX, Views, cached_store, widget


def _to_v1(document: Object) -> Object:
    return {**document, "apiVersion": "v1"}


def _to_v2(document: Object) -> Object:
    return {**document, "apiVersion": "v2"}


def _same(document: Object) -> Object:
    return document


def conversion(converted: list[str]) -> Conversion:
    """Return the conversion between v1, which is stored, and v2; it notes what it converts."""

    def to_v2(document: Object) -> Object:
        converted.append(document["metadata"]["name"])
        return {**document, "apiVersion": "v2"}

    return Conversion(_to_v1, to_v2)


class ConvertedViews(Views[ConvertedView]):
    """The same objects in both versions, and the names of those that were converted to v2."""

    def __init__(self, store: MemoryStore, cache: WatchCache[Stored]) -> None:
        self.converted: list[str] = []
        super().__init__(store, cache, ConvertedView(cache, conversion(self.converted), PREFIX))


@pytest.fixture
async def views() -> AsyncIterator[ConvertedViews]:
    async with cached_store() as (store, cache):
        yield ConvertedViews(store, cache)


async def test_what_is_read_again_and_again_is_converted_once(views: ConvertedViews) -> None:
    await views.make("a", "b")
    for _ in range(3):
        page = await views.served.list(PREFIX)
        assert [record.value.object["apiVersion"] for record in page.records] == ["v2", "v2"]
        assert views.served.list_cached(PREFIX).records == page.records
        assert await views.served.get(PREFIX + "a") is page.records[0]
        assert views.served.get_newest_known(PREFIX + "b") is page.records[1]
    assert views.converted == ["a", "b"]
    stored = await views.stored.get(PREFIX + "a")
    assert stored is not None
    assert stored.value.object["apiVersion"] == "v1"


async def test_nothing_is_converted_that_is_not_shown(views: ConvertedViews) -> None:
    await views.make("a", "b")
    page = await views.served.list(PREFIX)
    assert [record.key for record in page.records] == [PREFIX + "a", PREFIX + "b"]
    assert views.converted == []
    assert b'"resourceVersion":"2"' in page.records[0].value.body
    assert views.converted == ["a"]


async def test_a_form_does_not_outlive_its_record_and_keeps_bytes_only(
    views: ConvertedViews,
) -> None:
    await views.make("a")
    before = views.served.get_cached(PREFIX + "a")
    assert before is not None
    assert before.value.body == before.value.body
    assert before.value._object is None
    await views.served.put(PREFIX + "a", widget("a", "v2", x=1), expected=before.revision)
    after = await views.served.get(PREFIX + "a")
    stored = await views.stored.get(PREFIX + "a")
    assert after is not None
    assert stored is not None
    assert list(stored.value.converted.values()) == [after]
    assert after.value.object["x"] == 1


async def test_forms_of_versions_that_are_no_more_do_not_add_up(views: ConvertedViews) -> None:
    await views.make("a")
    for _ in range(3 * MAX_CONVERTED):
        assert ConvertedView(views.stored, conversion([]), PREFIX).get_cached(PREFIX + "a")
    stored = views.stored.get_cached(PREFIX + "a")
    assert stored is not None
    assert 0 < len(stored.value.converted) <= MAX_CONVERTED


async def test_events_show_the_same_records_as_reads(views: ConvertedViews) -> None:
    await views.make("a")
    watcher = views.served.subscribe(PREFIX, 1)
    (part,) = watcher.take_parts()
    assert [event.record for event in part] == [views.served.get_cached(PREFIX + "a")]


async def test_history_is_converted_too(views: ConvertedViews) -> None:
    await views.make("a")
    async with WatchCache(CodecStore(views.store, ObjectCodec(struct_of_kind)), "/r/") as later:
        served = ConvertedView(later, conversion([]), PREFIX)
        async with aclosing(served.watch_history(PREFIX, 1)) as batches:
            found = [event.record async for batch in batches for event in batch.events]
    assert [record.value.object["apiVersion"] for record in found if record] == ["v2"]


async def test_what_is_written_is_stored_in_the_stored_version(views: ConvertedViews) -> None:
    made, other = await views.served.commit(
        [Put(PREFIX + "a", widget("a", "v2"), ABSENT), Put("/r/others/b", widget("b"), ABSENT)]
    )
    assert (made.value.object["apiVersion"], other.value.object["apiVersion"]) == ("v2", "v1")
    raw = await views.store.get(PREFIX + "a")
    assert raw is not None
    assert b'"apiVersion":"v1"' in raw.value
    with pytest.raises(RevisionConflict) as refused:
        await views.served.put(PREFIX + "a", widget("a", "v2"), expected=ABSENT)
    current = refused.value.current
    assert current is not None
    assert current.value.object["apiVersion"] == "v2"
    (gone,) = await views.served.commit([Delete(PREFIX + "a", made.revision)])
    assert gone.value.object["apiVersion"] == "v2"


async def test_what_cannot_be_read_is_told_when_it_is_shown(views: ConvertedViews) -> None:
    await views.store.put(PREFIX + "a", b"{", expected=ABSENT)
    page = await views.served.list(PREFIX)
    with pytest.raises(Corrupt, match=PREFIX + "a"):
        _ = page.records[0].value.body


async def test_what_is_stored_in_an_older_version_is_stale(views: ConvertedViews) -> None:
    await views.make("a")
    for to_stored, stale in ((_to_v2, True), (_same, False)):
        served = ConvertedView(views.stored, Conversion(to_stored, lambda each: each), PREFIX)
        record = served.get_cached(PREFIX + "a")
        assert record is not None
        assert record.value.object["apiVersion"] == "v1"
        assert record.value.is_stale() is stale


async def test_many_records_are_converted_as_they_are_read(
    views: ConvertedViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converted_view, "_BATCH_SIZE", 10)
    names = [f"w{number:02}" for number in range(25)]
    await views.make(*names)

    def number_of_forms() -> int:
        records = views.stored.list_cached(PREFIX).records
        return sum(len(record.value.converted) for record in records)

    page = views.served.list_cached(PREFIX)
    assert (len(page.records), number_of_forms()) == (25, 0)
    assert page.records[-1].value.object["apiVersion"] == "v2"
    assert number_of_forms() == 1
    assert [record.key for record in page.records[:5]] == [PREFIX + name for name in names[:5]]
    assert number_of_forms() == 6
    assert [record.key for record in page.records] == [PREFIX + name for name in names]
    assert list(page.records) == list(views.served.list_cached(PREFIX).records)
    assert number_of_forms() == 25
