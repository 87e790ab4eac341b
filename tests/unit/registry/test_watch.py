"""Watches: the initial state, and every event after it."""

from __future__ import annotations

from contextlib import closing

import pytest

from apiserver.machinery.errors import Timeout
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.registry.list import list_objects
from apiserver.registry.watch import BOOKMARK, INITIAL_EVENTS_END, watch_objects
from storage.cache.cache import WatchCache
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, PODS, named, pod
from tests.unit.registry.watched import (
    Cluster,
    another_server,
    asked,
    refusal,
)
from tests.unit.registry.watching import label, make, shown, watching

CORE_EVENTS = GroupVersionResource("", "v1", "events")
EVENTS = GroupVersionResource("events.k8s.io", "v1", "events")
BOOKMARKS = "allowWatchBookmarks=true"
INITIAL = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
TEMPLATE = {"metadata": {}, "spec": {"containers": None}}
NO_INITIAL = "sendInitialEvents=false&resourceVersionMatch=NotOlderThan"


@pytest.mark.parametrize(
    ("query", "state", "since"),
    [
        ("", "ab", ""),
        ("resourceVersion=0", "ab", ""),
        (INITIAL, "ab", ""),
        (INITIAL + "&resourceVersion=0", "ab", ""),
        (INITIAL + "&resourceVersion={a}", "ab", ""),
        (NO_INITIAL, "", ""),
        (NO_INITIAL + "&resourceVersion=0", "", ""),
        (NO_INITIAL + "&resourceVersion={a}", "", "b"),
        ("resourceVersion={a}", "", "b"),
        ("resourceVersion={b}", "", ""),
        ("resourceVersion=1&limit=1", "", "ab"),
    ],
)
async def test_a_watch_begins_with_the_state_or_after_a_revision(
    cluster: Cluster, query: str, state: str, since: str
) -> None:
    a, b = await make(cluster, "a", "b")
    await cluster.registry.store.wait_until_fresh()
    made = {"a": ("ADDED", "a", a), "b": ("ADDED", "b", b)}
    async with watching(cluster, query.format(a=a, b=b)) as client:
        assert await client.opening() == [made[name] for name in state]
        assert await client.due() == [made[name] for name in since]
        (c,) = await make(cluster, "c")
        assert await client.due() == [("ADDED", "c", c)]


async def test_a_watch_from_a_revision_to_come_leaves_out_what_comes_before(
    cluster: Cluster,
) -> None:
    (a,) = await make(cluster, "a")
    async with watching(cluster, f"resourceVersion={a + 2}") as client:
        assert await client.opening() == []
        _, _, d = await make(cluster, "b", "c", "d")
        assert await client.due() == [("ADDED", "d", d)]


async def test_the_state_is_as_new_as_what_was_acknowledged_unless_it_may_be_older(
    cluster: Cluster,
) -> None:
    async with another_server(cluster) as other:
        cluster.store.feeding.clear()
        (a,) = await make(other, "a")
        async with watching(cluster, "resourceVersion=0") as stale:
            assert await stale.opening() == []
            cluster.store.feeding.set()
            async with watching(cluster) as fresh:
                assert await fresh.opening() == [("ADDED", "a", a)]
            assert await stale.due() == [("ADDED", "a", a)]


async def test_the_state_waits_for_the_revision_it_must_have(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WatchCache.wait_for_revision, "__defaults__", (0.0,))
    async with watching(cluster, f"{INITIAL}&resourceVersion=999") as client:
        with pytest.raises(Timeout, match="Too large resource version: 999") as refused:
            await client.opening()
    assert refused.value.code == 504
    assert refused.value.details["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize("version", ["9999", "18446744073709551615"])
async def test_a_watch_from_a_revision_to_come_is_told_nothing_before(
    cluster: Cluster, version: str
) -> None:
    async with watching(cluster, f"resourceVersion={version}&{BOOKMARKS}") as client:
        assert await client.opening() == []
        await make(cluster, "a")
        assert await client.due() == []
        assert client.watch.bookmark() is None


@pytest.mark.parametrize("query", ["", INITIAL, "resourceVersion=0"])
async def test_the_end_of_the_state_is_marked_where_bookmarks_are_taken(
    cluster: Cluster, query: str
) -> None:
    (a,) = await make(cluster, "a")
    await cluster.create(NAMESPACES, named("other"))
    revision = await cluster.store.revision()
    await cluster.registry.store.wait_until_fresh()
    async with watching(cluster, f"{query}&{BOOKMARKS}") as client:
        found = [event async for events in client.watch.opening() for event in events]
        assert list(map(shown, found)) == [("ADDED", "a", a), (BOOKMARK, "", revision)]
        assert found[1].stored.object == {
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": {
                "resourceVersion": str(revision),
                "annotations": {INITIAL_EVENTS_END: "true"},
            },
        }
        assert client.watch.bookmark() is None


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("deployments", {"replicas": 0, "selector": None, "template": TEMPLATE, "strategy": {}}),
        ("replicasets", {"replicas": 0, "selector": None, "template": TEMPLATE}),
        (
            "daemonsets",
            {"selector": None, "template": TEMPLATE, "updateStrategy": {}},
        ),
    ],
)
async def test_a_bookmark_shows_what_kubernetes_types_always_contain(
    cluster: Cluster, kind: str, spec: Object
) -> None:
    resource = GroupVersionResource("apps", "v1", kind)
    numbered = {"deprecated.daemonset.template.generation": "0"} if kind == "daemonsets" else {}
    async with watching(cluster, f"{INITIAL}&{BOOKMARKS}", of=resource) as client:
        found = [event async for events in client.watch.opening() for event in events]
        assert [event.stored.object["spec"] for event in found] == [spec]
        (annotations,) = [event.stored.metadata["annotations"] for event in found]
        assert annotations == {**numbered, INITIAL_EVENTS_END: "true"}


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("sendInitialEvents=true", 422, "requires setting resourceVersionMatch to NotOlderThan"),
        ("sendInitialEvents=false", 422, "requires setting resourceVersionMatch to NotOlderThan"),
        (
            "resourceVersionMatch=NotOlderThan",
            422,
            "forbidden for watch unless sendInitialEvents is provided",
        ),
        (
            "sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=1",
            422,
            'Unsupported value: "Exact": supported values: "NotOlderThan"',
        ),
        (INITIAL + "&continue=x", 422, "forbidden when continue is provided"),
        ("resourceVersion=x", 500, 'parsing "x": invalid syntax'),
        ("fieldSelector=data.a=b", 400, '"data.a" is not a known field selector'),
    ],
)
async def test_options_that_cannot_be_met_are_refused(
    cluster: Cluster, query: str, code: int, message: str
) -> None:
    found = await refusal(watch_objects(cluster.resource(CONFIG_MAPS), "ns", asked(query)))
    assert found[0] == code
    assert message in found[1]


@pytest.mark.parametrize(
    ("query", "state", "refused"),
    [
        ("allowWatchBookmarks=1", ["ADDED"], ""),
        ("resourceVersion=0&resourceVersionMatch=NotOlderThan", ["ADDED"], ""),
        ("resourceVersion={a}&resourceVersionMatch=Exact", [], ""),
        ("resourceVersionMatch=Exact", [], "is forbidden unless resourceVersion is provided"),
        (INITIAL + "&resourceVersion=0", [], "sendInitialEvents is forbidden for list"),
    ],
)
async def test_below_watch_the_options_are_those_of_a_list(
    cluster: Cluster, query: str, state: list[str], refused: str
) -> None:
    (revision,) = await make(cluster, "a")
    await cluster.registry.store.wait_until_fresh()
    opening = watch_objects(
        cluster.resource(CONFIG_MAPS), "ns", asked(query.format(a=revision)), as_list=True
    )
    if refused:
        code, message = await refusal(opening)
        assert (code, refused in message) == (422, True)
        return
    with closing(await opening) as watch:
        found = [event.type async for events in watch.opening() for event in events]
        assert found == state


async def test_every_change_is_shown_with_the_object_as_of_it(cluster: Cluster) -> None:
    async with watching(cluster) as client:
        await client.opening()
        (made,) = await make(cluster, "c")
        changed = await label(cluster, "c", "1")
        gone = await cluster.delete(CONFIG_MAPS, "c")
        events = await client.events()
    assert list(map(shown, events)) == [
        ("ADDED", "c", made), ("MODIFIED", "c", changed), ("DELETED", "c", changed + 1),
    ]  # fmt: skip
    versions = [event.stored.metadata["resourceVersion"] for event in events]
    assert versions == [str(made), str(changed), str(changed + 1)]
    assert events[2].stored.object == {
        **events[1].stored.object,
        "metadata": {**gone.stored.metadata, "resourceVersion": versions[2]},
    }


@pytest.mark.parametrize(
    ("before", "after", "kind", "seen"),
    [
        (None, "1", "ADDED", "1"),
        (None, "2", None, None),
        ("1", "1", "MODIFIED", "1"),
        ("1", "2", "DELETED", "1"),
        ("1", None, "DELETED", "1"),
        ("2", "1", "ADDED", "1"),
        ("2", "2", None, None),
        ("2", None, None, None),
    ],
)
async def test_an_object_comes_and_goes_with_its_selection(
    cluster: Cluster, before: str | None, after: str | None, kind: str | None, seen: str | None
) -> None:
    if before:
        await make(cluster, "c", x=before)
        await cluster.registry.store.wait_until_fresh()
    async with watching(cluster, "labelSelector=x=1") as client:
        assert len(await client.opening()) == (before == "1")
        if after is None:
            await cluster.delete(CONFIG_MAPS, "c")
        elif before is None:
            await make(cluster, "c", x=after)
        else:
            await cluster.patch(
                CONFIG_MAPS,
                "c",
                b'{"data":{"changed":"yes"},"metadata":{"labels":{"x":"%b"}}}' % after.encode(),
            )
        revision = str(await cluster.store.revision())
        found = [
            (event.type, event.stored.metadata["labels"]["x"], event.stored.revision, event.stored)
            for event in await client.events()
        ]
    assert [each[:3] for each in found] == ([(kind, seen, int(revision))] if kind else [])
    for *_, stored in found:
        assert stored.metadata["resourceVersion"] == revision
        assert ("data" in stored.object) is (kind != "DELETED" and before is not None)


async def test_a_field_is_selected_by_as_it_changes(cluster: Cluster) -> None:
    async with watching(cluster, "fieldSelector=spec.nodeName=n", of=PODS) as client:
        await client.opening()
        for name, node in (("p", "n"), ("q", "m")):
            await cluster.create(PODS, pod(name, "ns", nodeName=node))
        await cluster.delete(PODS, "p", grace_period_seconds=0)
        kinds = [(kind, name) for kind, name, _ in await client.due()]
    assert kinds == [("ADDED", "p"), ("MODIFIED", "p"), ("DELETED", "p")]


@pytest.mark.parametrize("since", ["", "&resourceVersion=1"])
async def test_a_watch_of_one_name_sees_that_object_alone(cluster: Cluster, since: str) -> None:
    _, c = await make(cluster, "cc", "c")
    async with watching(cluster, f"fieldSelector=metadata.name=c{since}") as client:
        assert [*await client.opening(), *await client.due()] == [("ADDED", "c", c)]
        client.wakes = 0
        await make(cluster, "c-2")
        await cluster.registry.store.wait_until_fresh()
        assert client.wakes == 0
        changed = await label(cluster, "c", "1")
        assert await client.due() == [("MODIFIED", "c", changed)]
        assert client.wakes == 1


async def test_a_watch_of_one_name_sees_every_namespace(cluster: Cluster) -> None:
    await cluster.create(NAMESPACES, named("other"))
    (here,) = await make(cluster, "c")
    async with watching(cluster, "fieldSelector=metadata.name=c", "") as client:
        assert await client.opening() == [("ADDED", "c", here)]
        await make(cluster, "d", namespace="other")
        (there,) = await make(cluster, "c", namespace="other")
        assert await client.due() == [("ADDED", "c", there)]


@pytest.mark.parametrize(
    ("namespace", "query"), [("ns", ""), ("", "fieldSelector=metadata.namespace=ns")]
)
async def test_a_watch_of_one_namespace_is_not_woken_by_another(
    cluster: Cluster, namespace: str, query: str
) -> None:
    await cluster.create(NAMESPACES, named("other"))
    async with watching(cluster, query, namespace) as client:
        await client.opening()
        await make(cluster, "a", namespace="other")
        await cluster.registry.store.wait_until_fresh()
        assert client.wakes == 0
        (a,) = await make(cluster, "a")
        assert await client.due() == [("ADDED", "a", a)]


@pytest.mark.parametrize(
    "query", ["labelSelector=x=1", "labelSelector=y,x+in+(1)", "fieldSelector=metadata.name=a"]
)
@pytest.mark.parametrize("namespace", ["ns", ""])
async def test_a_watch_of_one_value_is_not_woken_by_another(
    cluster: Cluster, query: str, namespace: str
) -> None:
    async with watching(cluster, query, namespace) as client:
        await client.opening()
        await make(cluster, "b", x="2", y="2")
        await cluster.registry.store.wait_until_fresh()
        assert client.wakes == 0
        (a,) = await make(cluster, "a", x="1", y="2")
        assert await client.due() == [("ADDED", "a", a)]


async def test_what_was_due_before_the_subscription_wakes_at_once(cluster: Cluster) -> None:
    async with watching(cluster, "resourceVersion=1") as client:
        (a,) = await make(cluster, "a")
        await cluster.registry.store.wait_until_fresh()
        await client.opening()
        assert client.wakes == 1
        assert await client.due() == [("ADDED", "a", a)]


async def test_a_converted_kind_is_watched_in_its_version_and_converted_once(
    cluster: Cluster,
) -> None:
    def event(name: str) -> Object:
        regarding = {"kind": "Pod", "namespace": "ns", "name": "p"}
        return {**named(name, "ns"), "involvedObject": regarding, "message": "m"}

    await cluster.create(CORE_EVENTS, event("a"))
    events = cluster.resource(EVENTS)
    async with watching(cluster, of=EVENTS) as client:
        assert not client.watch.shares_parts
        initial = [event async for some in client.watch.opening() for event in some]
        await cluster.create(CORE_EVENTS, event("b"))
        found = [*initial, *await client.events()]
        listed = (await list_objects(events, "ns", asked())).items
        assert [event.stored is stored for event, stored in zip(found, listed, strict=True)] == [
            True, True,
        ]  # fmt: skip
        await cluster.delete(CORE_EVENTS, "a")
        (gone,) = await client.events()
    assert [event.stored.object["note"] for event in (*found, gone)] == ["m"] * 3
    assert gone.stored.object["apiVersion"] == "events.k8s.io/v1"
    assert gone.stored.metadata["resourceVersion"] == str(gone.revision)
