"""Which Services a change of a Pod, a Node or a Service concerns."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.client.client import ADDED, DELETED, MODIFIED, ObjectEvent
from apiserver.controllers.serviceendpoints.service_index import ZONE, ServiceIndex
from apiserver.machinery.objects import Object
from tests.unit.controllers.serviceendpoints.documents import NODE, pod_document, service


@pytest.fixture
def index() -> ServiceIndex:
    index = ServiceIndex()
    select(index, "all", {"app": "web"})
    select(index, "front", {"app": "web", "tier": "front"})
    select(index, "database", {"app": "database"})
    return index


def select(index: ServiceIndex, name: str, selector: Any, **spec: Any) -> str | None:
    document = service(metadata={"name": name}, selector=selector, **spec)
    return index.observe_service(ObjectEvent(ADDED, document))


def observe(index: ServiceIndex, document: Object, type_: str = MODIFIED) -> set[str]:
    return index.observe_pod(ObjectEvent(type_, document))


def node(index: ServiceIndex, zone: str | None, type_: str = MODIFIED) -> set[str]:
    labels = {} if zone is None else {"labels": {ZONE: zone}}
    return index.observe_node(ObjectEvent(type_, {"metadata": {"name": NODE, **labels}}))


def names(index: ServiceIndex, **selector: str) -> list[str]:
    return [pod.name for pod in index.pods_of("n", selector)]


BOTH = {"app": "web", "tier": "front"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, pod_document("p", "10.1.0.1"), {"n/all"}),
        (None, pod_document("p", "10.1.0.1", labels=BOTH), {"n/all", "n/front"}),
        (None, pod_document("p", "10.1.0.1", labels={"tier": "front"}), set()),
        (None, pod_document("p"), set()),
        (None, pod_document("p", "10.1.0.1", phase="Succeeded"), set()),
        (pod_document("p"), pod_document("p", "10.1.0.1"), {"n/all"}),
        (pod_document("p", "10.1.0.1"), pod_document("p", "10.1.0.1"), set()),
        (pod_document("p", "10.1.0.1"), pod_document("p", "10.1.0.1", ready=False), {"n/all"}),
        (pod_document("p", "10.1.0.1"), pod_document("p", "10.1.0.1", phase="Failed"), {"n/all"}),
        (
            pod_document("p", "10.1.0.1"),
            pod_document("p", "10.1.0.1", labels={"app": "database"}),
            {"n/all", "n/database"},
        ),
    ],
)
def test_a_pod_concerns_the_services_that_select_it(
    index: ServiceIndex, before: Object | None, after: Object, expected: set[str]
) -> None:
    if before is not None:
        observe(index, before)
    assert observe(index, after) == expected


def test_pods_of_another_namespace_are_not_selected(index: ServiceIndex) -> None:
    document = pod_document("p", "10.1.0.1")
    document["metadata"]["namespace"] = "other"
    assert observe(index, document) == set()
    assert names(index, app="web") == []


def test_pods_are_found_by_selector(index: ServiceIndex) -> None:
    for name, labels in {"b": BOTH, "a": {"app": "web"}, "c": {"app": "database"}}.items():
        observe(index, pod_document(name, "10.1.0.1", labels=labels), ADDED)
    assert names(index, app="web") == ["a", "b"]
    assert names(index, **BOTH) == ["b"]
    assert names(index, app="none") == []
    observe(index, pod_document("b", "10.1.0.1", labels={"app": "database"}))
    assert names(index, app="web") == ["a"]
    assert names(index, app="database") == ["b", "c"]
    assert observe(index, pod_document("b", "10.1.0.1"), DELETED) == {"n/database"}
    assert names(index, app="database") == ["c"]


def test_only_services_that_select_pods_are_of_interest(index: ServiceIndex) -> None:
    assert select(index, "other", None) is None
    assert select(index, "external", {"app": "web"}, type="ExternalName") is None
    assert select(index, "all", None) == "n/all"
    assert observe(index, pod_document("p", "10.1.0.1")) == set()
    assert select(index, "all", {"app": "web"}) == "n/all"
    assert observe(index, pod_document("p", "10.1.0.2")) == {"n/all"}
    gone = ObjectEvent(DELETED, service(metadata={"name": "all"}))
    assert index.observe_service(gone) == "n/all"
    assert observe(index, pod_document("p", "10.1.0.3")) == set()


def test_a_node_concerns_the_services_of_its_pods(index: ServiceIndex) -> None:
    observe(index, pod_document("p", "10.1.0.1"))
    assert node(index, "a", ADDED) == {"n/all"}
    assert node(index, "a") == set()
    assert node(index, "b") == {"n/all"}
    assert node(index, None) == {"n/all"}
    assert index.zones == {NODE: ""}
    assert node(index, None, DELETED) == {"n/all"}
    assert index.zones == {}


def test_nothing_is_left_of_what_has_gone(index: ServiceIndex) -> None:
    observe(index, pod_document("p", "10.1.0.1", labels=BOTH))
    observe(index, pod_document("p", "10.1.0.1"), DELETED)
    for name in ("all", "front", "database"):
        index.observe_service(ObjectEvent(DELETED, service(metadata={"name": name})))
    empty = ServiceIndex()
    assert {each: getattr(index, each) for each in vars(index)} == vars(empty)
