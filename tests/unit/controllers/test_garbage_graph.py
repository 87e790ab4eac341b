"""The graph of owners and dependents: what each change of it makes due."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.controllers.finalizers import finalizer_removal
from apiserver.controllers.garbagecollector.decisions import (
    DeleteObject,
    OwnerStates,
    RemoveReferences,
    decide,
    merged_removal,
    unblocking,
)
from apiserver.controllers.garbagecollector.graph import (
    Due,
    Graph,
    Node,
    OwnerReference,
    WatchedResource,
    node_of,
)
from apiserver.machinery.gvk import GroupVersionResource

CONFIG_MAP = WatchedResource(GroupVersionResource("", "v1", "configmaps"), "ConfigMap", True)
NODE = WatchedResource(GroupVersionResource("", "v1", "nodes"), "Node", False)


def to(name: str, *, blocks: bool = False, kind: str = "ConfigMap") -> OwnerReference:
    return OwnerReference("v1", kind, name, name, blocks)


def thing(name: str, *owners: OwnerReference, namespace: str = "n", **state: bool) -> Node:
    return Node(CONFIG_MAP, namespace, name, name, owners, **state)


def node(name: str) -> Node:
    return Node(NODE, "", name, name)


def foreground(name: str, *owners: OwnerReference) -> Node:
    return thing(name, *owners, being_deleted=True, foreground=True)


def after(graph: Graph, *nodes: Node) -> list[str]:
    """Return what the last of several changes makes due."""
    due = Due()
    for each in nodes:
        due = graph.observe(each)
    return list(due.uids)


@pytest.fixture
def graph() -> Graph:
    return Graph()


def test_who_has_no_owner_is_not_due(graph: Graph) -> None:
    assert after(graph, thing("a")) == []


def test_a_dependent_is_due_unless_its_owner_is_known(graph: Graph) -> None:
    assert after(graph, thing("b", to("a"))) == ["b"]
    assert after(graph, thing("a"), thing("c", to("a"))) == []


def test_a_repeated_state_changes_nothing(graph: Graph) -> None:
    assert after(graph, thing("b", to("a")), thing("b", to("a"))) == []


def test_dependents_are_due_when_their_owner_is_deleted(graph: Graph) -> None:
    after(graph, thing("a"), thing("b", to("a")), thing("c", to("a")), thing("d"))
    assert list(graph.remove("a").uids) == ["b", "c"]
    assert graph.has_dependents("a")
    graph.remove("b")
    graph.remove("c")
    assert not graph.has_dependents("a")
    assert len(graph) == 1


def test_dependents_of_an_owner_that_was_never_seen_are_due_when_it_is_deleted(
    graph: Graph,
) -> None:
    after(graph, thing("b", to("a")))
    assert list(graph.remove("a").uids) == ["b"]


def test_a_reference_that_is_dropped_is_no_dependency(graph: Graph) -> None:
    after(graph, thing("a"), thing("b", to("a")), thing("b"))
    assert list(graph.remove("a").uids) == []


def test_an_owner_and_its_dependents_are_due_when_its_foreground_deletion_begins(
    graph: Graph,
) -> None:
    assert after(graph, thing("a"), thing("b", to("a")), foreground("a")) == ["a", "b"]
    assert after(graph, foreground("a")) == []
    assert after(graph, thing("c", to("a"))) == ["c"]


def test_an_owner_is_due_when_its_last_blocking_dependent_is_gone(graph: Graph) -> None:
    blocking = to("a", blocks=True)
    after(graph, foreground("a"), *(thing(name, blocking) for name in "bc"), thing("d", to("a")))
    assert graph.is_blocked("a")
    assert list(graph.remove("b").uids) == []
    assert list(graph.remove("c").uids) == ["a"]
    assert not graph.is_blocked("a")


@pytest.mark.parametrize("owners", [[], [to("a")], [to("z", blocks=True)]])
def test_a_dependent_may_cease_to_block(graph: Graph, owners: list[OwnerReference]) -> None:
    after(graph, foreground("a"), thing("z"), thing("b", to("a", blocks=True)))
    assert "a" in after(graph, thing("b", *owners))
    assert not graph.is_blocked("a")


def test_an_object_does_not_block_itself(graph: Graph) -> None:
    after(graph, foreground("a", to("a", blocks=True)))
    assert not graph.is_blocked("a")


def test_orphaning_makes_the_owner_due_and_not_its_dependents(graph: Graph) -> None:
    owner = thing("a", being_deleted=True, orphaning=True)
    assert after(graph, thing("a"), thing("b", to("a")), owner) == ["a"]


@pytest.mark.parametrize("first", ["owner", "dependent"])
def test_an_owner_in_another_namespace_is_reported(graph: Graph, first: str) -> None:
    nodes = [thing("a", namespace="m"), thing("b", to("a"))]
    due = Due()
    for each in nodes if first == "owner" else reversed(nodes):
        due = graph.observe(each)
    assert list(due.uids) == ["b"]
    assert due.misplaced == [(nodes[1], to("a"))]


@pytest.mark.parametrize("reference", [to("a", kind="Secret"), OwnerReference("v1", "x", "y", "a")])
def test_an_owner_of_another_name_is_looked_for_and_not_reported(
    graph: Graph, reference: OwnerReference
) -> None:
    after(graph, thing("b", reference))
    due = graph.observe(thing("a"))
    assert (list(due.uids), due.misplaced) == (["b"], [])


def test_any_object_may_have_an_owner_outside_of_namespaces(graph: Graph) -> None:
    assert after(graph, node("a"), thing("b", to("a", kind="Node"))) == []


def test_what_is_not_watched_any_more_is_not_deleted(graph: Graph) -> None:
    after(graph, thing("a"), thing("b", to("a")))
    graph.forget(["a", "unknown"])
    assert graph.node("a") is None
    assert [each.uid for each in graph.dependents("a")] == ["b"]


def test_finalizers_count_once_an_object_is_deleted() -> None:
    reference = {"apiVersion": "v1", "kind": "Node", "name": "o", "uid": "v"}
    metadata: dict[str, Any] = {
        "name": "a",
        "namespace": "n",
        "uid": "u",
        "finalizers": ["orphan", "foregroundDeletion"],
        "ownerReferences": [{**reference, "blockOwnerDeletion": True}],
    }
    living = node_of(CONFIG_MAP, metadata)
    assert living.owners == (OwnerReference("v1", "Node", "o", "v", True),)
    assert (living.being_deleted, living.foreground, living.orphaning) == (False, False, False)
    deleted = node_of(CONFIG_MAP, {**metadata, "deletionTimestamp": "t"})
    assert (deleted.being_deleted, deleted.foreground, deleted.orphaning) == (True, True, True)


# decisions


def document(*finalizers: str, owners: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "metadata": {
            "uid": "u",
            "resourceVersion": "7",
            "finalizers": list(finalizers),
            "ownerReferences": list(owners),
        }
    }


A, B, C = to("a"), to("b"), to("c")


@pytest.mark.parametrize(
    ("owners", "removed"),
    [
        (OwnerStates(solid=[A]), []),
        (OwnerStates(solid=[A], dangling=[B]), ["b"]),
        (OwnerStates(solid=[A], dangling=[B], waiting=[C]), ["b", "c"]),
    ],
)
def test_one_solid_owner_keeps_an_object(owners: OwnerStates, removed: list[str]) -> None:
    assert decide(document(), owners, has_dependents=True, in_circle=True) == RemoveReferences(
        removed
    )


@pytest.mark.parametrize(
    ("finalizers", "owners", "has_dependents", "policy"),
    [
        ([], OwnerStates(dangling=[A]), True, "Background"),
        (["orphan"], OwnerStates(dangling=[A]), True, "Orphan"),
        (["foregroundDeletion"], OwnerStates(dangling=[A]), False, "Foreground"),
        ([], OwnerStates(dangling=[A], waiting=[B]), True, "Foreground"),
        (["orphan"], OwnerStates(waiting=[B]), True, "Foreground"),
        ([], OwnerStates(waiting=[B]), False, "Background"),
    ],
)
def test_an_object_without_a_solid_owner_is_deleted(
    finalizers: list[str], owners: OwnerStates, has_dependents: bool, policy: str
) -> None:
    decision = decide(document(*finalizers), owners, has_dependents=has_dependents, in_circle=False)
    assert isinstance(decision, DeleteObject)
    assert decision.options.propagation_policy == policy
    assert (decision.options.uid, decision.options.resource_version) == ("u", "7")
    assert not decision.unblock


def test_in_a_circle_an_object_stops_blocking() -> None:
    states = OwnerStates(waiting=[A])
    decision = decide(document(), states, has_dependents=True, in_circle=True)
    assert isinstance(decision, DeleteObject)
    assert decision.unblock


def test_patches_name_the_state_that_they_are_made_of() -> None:
    owners = ({"uid": "a", "blockOwnerDeletion": True}, {"uid": "b"})
    whole = document("orphan", "mine", owners=owners)
    preconditions = {"uid": "u", "resourceVersion": "7"}
    assert merged_removal(whole, ["a"]) == {
        "metadata": {**preconditions, "ownerReferences": [{"uid": "b"}]}
    }
    assert merged_removal(whole, ["a", "b"])["metadata"]["ownerReferences"] is None
    freed = unblocking(whole)
    assert freed is not None
    assert [each["blockOwnerDeletion"] for each in freed["metadata"]["ownerReferences"]] == [
        False,
        False,
    ]
    assert unblocking(document(owners=({"uid": "b"},))) is None
    patch = finalizer_removal(whole, "orphan")
    assert patch == {"metadata": {**preconditions, "finalizers": ["mine"]}}
    assert finalizer_removal(whole, "foregroundDeletion") is None
