"""Lists by an index: they show what a look at every object would, and look at few."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.registry import value_index
from apiserver.registry.list import list_objects
from apiserver.registry.selection import Selection
from apiserver.registry.stored import Stored
from storage.cache import window
from storage.interface import Record
from tests.unit.cluster import CONFIG_MAPS, PODS, named, pod
from tests.unit.registry.watched import Cluster, asked, watched_cluster

EVENTS = GroupVersionResource("events.k8s.io", "v1", "events")
CORE_EVENTS = GroupVersionResource("", "v1", "events")
COLOURS = ("red", "green", "blue", "")


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_index, "MANY", 10)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with watched_cluster() as cluster:
        yield cluster


class Looks:
    """Counts the objects that selections are matched with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        match = Selection.of

        def counted(selection: Selection, records: list[Record[Stored]]) -> object:
            self.number += len(records)
            return match(selection, records)

        monkeypatch.setattr(Selection, "of", counted)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


def coloured(name: str, colour: str) -> Object:
    labels = {"colour": colour, "all": "yes"} if colour else {}
    return {**named(name, "ns", labels=labels), "data": {}}


async def names(
    cluster: Cluster, query: str, of: GroupVersionResource = CONFIG_MAPS, namespace: str = "ns"
) -> list[str]:
    found = await list_objects(cluster.resource(of), namespace, asked(query))
    assert not found.continue_token
    return [stored.metadata["name"] for stored in found.items]


@pytest.mark.parametrize("limit", ["", "&limit=500"])
@pytest.mark.parametrize("namespace", ["ns", ""])
async def test_a_list_looks_only_at_what_has_the_value(
    cluster: Cluster, looks: Looks, limit: str, namespace: str
) -> None:
    for number in range(40):
        await cluster.create(CONFIG_MAPS, coloured(f"c{number:02}", COLOURS[number % 4]))
    expected = [f"c{number:02}" for number in range(2, 40, 4)]
    query = f"labelSelector=colour=blue,all=yes{limit}"
    assert await names(cluster, query, namespace=namespace) == expected
    looked, looks.number = looks.number, 0
    assert looked == 40
    for changes in range(3):
        await cluster.create(CONFIG_MAPS, coloured(f"d{changes}", "red"))
        assert await names(cluster, query, namespace=namespace) == expected
    assert looks.number == 3 * len(expected)


async def test_a_field_of_some_objects_is_found(cluster: Cluster, looks: Looks) -> None:
    for number in range(40):
        await cluster.create(PODS, pod(f"p{number:02}", "ns", nodeName=f"node-{number % 8}"))
    for node in range(8):
        expected = [f"p{number:02}" for number in range(node, 40, 8)]
        assert (
            await names(cluster, f"fieldSelector=spec.nodeName=node-{node}", PODS, "") == expected
        )
    # The first one looked at everything.
    assert looks.number == 40 + 7 * 5
    await cluster.delete(PODS, "p01", grace_period_seconds=0)
    assert "p01" not in await names(cluster, "fieldSelector=spec.nodeName=node-1", PODS, "")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("events", [1000, 8])
async def test_an_index_follows_every_change(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, seed: int, events: int
) -> None:
    """``events``: with few in memory, the index has to be built again now and then."""
    monkeypatch.setattr(window, "MIN_EVENTS", events)
    monkeypatch.setattr(cluster.registry.store._window, "_capacity", events)
    chosen = random.Random(seed)
    state: dict[str, str] = {}
    for step in range(120):
        name, colour = f"c{chosen.randrange(30):02}", chosen.choice(COLOURS)
        if name not in state:
            await cluster.create(CONFIG_MAPS, coloured(name, colour))
            state[name] = colour
        elif chosen.random() < 0.3:
            await cluster.delete(CONFIG_MAPS, name)
            del state[name]
        else:
            labels = f'{{"colour":"{colour}","all":"yes"}}' if colour else "null"
            await cluster.patch(CONFIG_MAPS, name, f'{{"metadata":{{"labels":{labels}}}}}'.encode())
            state[name] = colour
        if step % 7 == 0:
            for colour in COLOURS[:3]:
                expected = sorted(name for name, each in state.items() if each == colour)
                assert await names(cluster, f"labelSelector=colour={colour}") == expected


async def test_an_empty_value_is_not_looked_up(cluster: Cluster) -> None:
    for number in range(20):
        await cluster.create(CONFIG_MAPS, coloured(f"c{number:02}", "red"))
    await cluster.create(CONFIG_MAPS, {**named("e", "ns", labels={"colour": ""}), "data": {}})
    for _ in range(3):
        assert await names(cluster, "labelSelector=colour=") == ["e"]


async def test_a_converted_kind_is_found_by_the_fields_of_its_version(cluster: Cluster) -> None:
    for number in range(20):
        about = {"kind": "Pod", "namespace": "ns", "name": f"p{number % 2}"}
        event = {**named(f"e{number:02}", "ns"), "involvedObject": about, "reason": "R"}
        await cluster.create(CORE_EVENTS, event)
    expected = [f"e{number:02}" for number in range(1, 20, 2)]
    for _ in range(3):
        assert await names(cluster, "fieldSelector=involvedObject.name=p1", CORE_EVENTS) == expected
        assert await names(cluster, "fieldSelector=regarding.name=p1", EVENTS) == expected
        await cluster.create(CONFIG_MAPS, coloured(f"c{_}", "red"))


async def test_an_object_that_cannot_be_read_is_told_as_without_an_index(cluster: Cluster) -> None:
    for number in range(20):
        await cluster.create(CONFIG_MAPS, coloured(f"c{number:02}", "red"))
    query = "labelSelector=colour=red"
    for _ in range(2):
        assert len(await names(cluster, query)) == 20
        await cluster.patch(CONFIG_MAPS, "c00", b'{"data":{"a":"%d"}}' % _)
    key = cluster.resource(CONFIG_MAPS).key("ns", "broken")
    await cluster.store.put(key, b"{", expected=0)
    await cluster.registry.store.wait_until_fresh()
    with pytest.raises(Exception, match="broken"):
        await names(cluster, query)
    revision = (await cluster.store.get(key)).revision  # type: ignore[union-attr]
    await cluster.store.delete(key, expected=revision)
    assert len(await names(cluster, query)) == 20


async def test_the_oldest_indexes_make_room(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(value_index, "MAX_KEYS", 50)
    for number in range(20):
        labels = {f"l{label}": "x" for label in range(5)}
        await cluster.create(
            CONFIG_MAPS, {**named(f"c{number:02}", "ns", labels=labels), "data": {}}
        )
    for label in range(5):
        for _ in range(2):
            await cluster.patch(CONFIG_MAPS, "c00", b'{"data":{"a":"%d%d"}}' % (label, _))
            assert len(await names(cluster, f"labelSelector=l{label}=x")) == 20
    assert len(cluster.resource(CONFIG_MAPS).indexes) == 2
