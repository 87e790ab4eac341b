"""Lists with selectors, and lists of kinds that are stored in another version."""

from __future__ import annotations

import pytest

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.registry.get import get_object
from apiserver.registry.list import within
from apiserver.registry.selection import Selection
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, PODS, named, pod
from tests.unit.registry.lists import labelled, listed, make, names
from tests.unit.registry.watched import Cluster, asked, refusal

CLUSTER_ROLES = GroupVersionResource("rbac.authorization.k8s.io", "v1", "clusterroles")
CORE_EVENTS = GroupVersionResource("", "v1", "events")
EVENTS = GroupVersionResource("events.k8s.io", "v1", "events")


@pytest.mark.parametrize(
    ("of", "namespace", "selector", "prefix"),
    [
        (PODS, "", "", "pods/"),
        (PODS, "ns", "", "pods/ns/"),
        (PODS, "ns", "metadata.name=a", "pods/ns/a"),
        (PODS, "", "metadata.name=a", "pods/"),
        (PODS, "", "metadata.namespace=ns", "pods/ns/"),
        (PODS, "", "metadata.namespace=ns,metadata.name=a", "pods/ns/a"),
        (PODS, "", "metadata.namespace!=ns,metadata.name!=a", "pods/"),
        (PODS, "ns", "metadata.namespace=other", "pods/ns/"),
        (PODS, "ns", "spec.nodeName=a", "pods/ns/"),
        (NAMESPACES, "", "metadata.name=a", "namespaces/a"),
        (CLUSTER_ROLES, "", "metadata.namespace=ns", "clusterroles/"),
        (EVENTS, "ns", "metadata.name=a", "events/ns/a"),
    ],
)
async def test_a_name_or_namespace_narrows_what_is_read(
    cluster: Cluster, of: GroupVersionResource, namespace: str, selector: str, prefix: str
) -> None:
    resource = cluster.resource(of)
    selection = Selection(asked(f"fieldSelector={selector}"), resource.kind)
    assert within(resource, namespace, selection) == f"/registry/{prefix}"


@pytest.mark.parametrize(
    ("namespace", "query", "shown"),
    [
        ("ns", "fieldSelector=metadata.name=a", "ns/a"),
        ("", "fieldSelector=metadata.name=a", "ns/a other/a"),
        ("", "fieldSelector=metadata.namespace=other", "other/a other/b"),
        ("ns", "fieldSelector=metadata.namespace=other", ""),
        ("", "fieldSelector=spec.nodeName=n1", "ns/a other/b"),
        ("", "fieldSelector=spec.nodeName!=n1,metadata.name=a", "other/a"),
        ("", "fieldSelector=spec.nodeName=n1&labelSelector=l=other", "other/b"),
        ("", "labelSelector=l=ns", "ns/a ns/aa"),
        ("", "labelSelector=l!=ns,l", "other/a other/b"),
        ("", "labelSelector=none", ""),
    ],
)
@pytest.mark.parametrize("more", ["", "&limit=9", "&resourceVersion=0"])
async def test_only_what_is_selected_is_shown(
    cluster: Cluster, namespace: str, query: str, shown: str, more: str
) -> None:
    await cluster.create(NAMESPACES, named("other"))
    for where, name, node in (
        ("ns", "a", "n1"), ("ns", "aa", "n2"), ("other", "a", "n2"), ("other", "b", "n1")
    ):  # fmt: skip
        document = pod(name, where, nodeName=node)
        document["metadata"]["labels"] = {"l": where}
        await cluster.create(PODS, document)
    await cluster.registry.store.wait_until_fresh()
    found = await listed(cluster, query + more, namespace, PODS)
    keys = [f"{item.metadata['namespace']}/{item.metadata['name']}" for item in found.items]
    assert " ".join(keys) == shown


async def test_what_was_selected_is_remembered_until_something_changes_there(
    cluster: Cluster,
) -> None:
    await cluster.create(NAMESPACES, named("other"))
    await make(cluster, "a", "b", x="y")
    first = await listed(cluster, "labelSelector=x=y")
    made = await cluster.create(CONFIG_MAPS, labelled("c", "other", x="y"))
    again = await listed(cluster, "labelSelector=x=y")
    assert again.items is first.items
    assert again.resource_version == str(made.stored.revision) != first.resource_version
    assert names(await listed(cluster, "labelSelector=x=y", "")) == ["a", "b", "c"]
    assert names(await listed(cluster, "labelSelector=x=y", "other")) == ["c"]
    assert names(await listed(cluster, "labelSelector=x!=y")) == []
    assert names(await listed(cluster, "labelSelector=x=y&fieldSelector=metadata.name!=a")) == ["b"]
    await cluster.patch(CONFIG_MAPS, "b", b'{"metadata":{"labels":null}}')
    assert names(await listed(cluster, "labelSelector=x=y")) == ["a"]
    await cluster.delete(CONFIG_MAPS, "a")
    assert names(await listed(cluster, "labelSelector=x=y")) == []


async def test_an_object_that_is_listed_by_name_is_shown_as_it_is_now(cluster: Cluster) -> None:
    versions = await make(cluster, "a")
    query = "fieldSelector=metadata.name=a"
    before = await listed(cluster, query)
    await cluster.patch(CONFIG_MAPS, "a", b'{"data":{"b":"2"}}')
    (changed,) = (await listed(cluster, query)).items
    await cluster.delete(CONFIG_MAPS, "a")
    assert [str(item.revision) for item in before.items] == versions
    assert changed.object["data"] == {"b": "2"}
    assert names(await listed(cluster, query)) == []


async def test_only_some_selections_are_remembered(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apiserver.registry.list._MAX_CACHED", 3)
    monkeypatch.setattr("apiserver.registry.list._MAX_CACHED_ITEMS", 2)
    await make(cluster, "a", "b", "c", x="y")
    assert len((await listed(cluster, "labelSelector=x")).items) == 3
    remembered = cluster.resource(CONFIG_MAPS).selected
    assert not remembered
    for index in range(5):
        await listed(cluster, f"labelSelector=x=v{index}")
    assert len(remembered) == 3


# Another version than the stored one.


def event(name: str, **members: object) -> Object:
    regarding = {"kind": "Pod", "namespace": "ns", "name": "p"}
    return {**named(name, "ns", labels={"x": "y"}), "involvedObject": regarding, **members}


async def test_a_converted_kind_is_listed_in_its_version_and_converted_once(
    cluster: Cluster,
) -> None:
    await cluster.create(CORE_EVENTS, event("a", message="m"))
    (shown,) = (await listed(cluster, of=EVENTS)).items
    assert shown.object["apiVersion"] == "events.k8s.io/v1"
    assert (shown.object["note"], shown.object["regarding"]["name"]) == ("m", "p")
    for query in ("labelSelector=x=y", "limit=1", "resourceVersion=0", "fieldSelector=reason="):
        assert [item is shown for item in (await listed(cluster, query, of=EVENTS)).items] == [True]
    assert await get_object(cluster.resource(EVENTS), "ns", "a") is shown
    (stored,) = (await listed(cluster, of=CORE_EVENTS)).items
    assert (stored.object["apiVersion"], stored.object["message"]) == ("v1", "m")


async def test_fields_of_a_converted_kind_are_those_of_its_version(cluster: Cluster) -> None:
    await cluster.create(CORE_EVENTS, event("a"))
    for of, field in ((EVENTS, "regarding"), (CORE_EVENTS, "involvedObject")):
        for name, shown in (("p", ["a"]), ("q", [])):
            query = f"fieldSelector={field}.name={name}"
            assert names(await listed(cluster, query, of=of)) == shown
    code, _ = await refusal(listed(cluster, "fieldSelector=involvedObject.name=p", of=EVENTS))
    assert code == 400
