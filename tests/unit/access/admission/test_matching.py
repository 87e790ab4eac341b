"""Which requests webhooks and policies apply to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.matching import Match, MatchIndex, ResourceVersion
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.users import SYSTEM_USER

V1, V2 = (
    ResourceVersion(
        GroupVersionResource("autoscaling", version, "horizontalpodautoscalers"),
        GroupVersionKind("autoscaling", version, "HorizontalPodAutoscaler"),
    )
    for version in ("v1", "v2")
)
PODS = ResourceVersion(GroupVersionResource("", "v1", "pods"), GroupVersionKind("", "v1", "Pod"))
NODES = ResourceVersion(GroupVersionResource("", "v1", "nodes"), GroupVersionKind("", "v1", "Node"))
NAMESPACES = ResourceVersion(
    GroupVersionResource("", "v1", "namespaces"), GroupVersionKind("", "v1", "Namespace")
)
CONFIGURATIONS = ResourceVersion(
    GroupVersionResource("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations"),
    GroupVersionKind("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"),
)


class Namespaces:
    """A reader of namespaces with labels."""

    def __init__(self, **labels: dict[str, str]) -> None:
        self._labels = labels

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        if name not in self._labels:
            return None
        return {"metadata": {"name": name, "labels": self._labels[name]}}

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        return []


class Versions:
    """The two versions of HorizontalPodAutoscalers."""

    def equivalents(
        self, resource: GroupVersionResource, subresource: str
    ) -> Sequence[ResourceVersion]:
        versions = V1, V2
        if resource not in [version.resource for version in versions]:
            return ()
        return [version for version in versions if version.resource != resource]

    async def convert(
        self, document: Object, version: ResourceVersion, wanted: ResourceVersion
    ) -> Object:
        raise NotImplementedError

    def decode(
        self, document: Any, version: ResourceVersion, subresource: str, *, strict: bool = False
    ) -> Object:
        raise NotImplementedError


def request(version: ResourceVersion, operation: str = "CREATE", **members: Any) -> Any:
    members.setdefault("namespace", "" if version in (NODES, NAMESPACES) else "here")
    return AdmissionAttributes(operation, SYSTEM_USER, version.kind, version.resource, **members)


def rule(**members: Any) -> dict[str, Any]:
    anything = {key: ["*"] for key in ("operations", "apiGroups", "apiVersions", "resources")}
    return anything | members


RULES = [
    (rule(), request(PODS), PODS),
    (rule(), request(PODS, subresource="status"), None),
    (rule(resources=["*/*"]), request(PODS, subresource="status"), PODS),
    (rule(resources=["*/*"]), request(PODS), PODS),
    (rule(resources=["pods/*"]), request(PODS), PODS),
    (rule(resources=["pods/*"]), request(PODS, "CONNECT", subresource="exec"), PODS),
    (rule(resources=["*/status"]), request(PODS, "UPDATE", subresource="status"), PODS),
    (rule(resources=["pods/status"]), request(PODS, "UPDATE"), None),
    (rule(resources=["nodes", "pods"]), request(PODS), PODS),
    (rule(operations=["UPDATE", "DELETE"]), request(PODS), None),
    (rule(operations=["UPDATE", "DELETE"]), request(PODS, "DELETE"), PODS),
    (rule(apiGroups=["apps"]), request(PODS), None),
    (rule(apiGroups=[""]), request(PODS), PODS),
    (rule(scope="Cluster"), request(PODS), None),
    (rule(scope="Cluster"), request(NODES), NODES),
    (rule(scope="Namespaced"), request(NODES), None),
    (rule(scope="Namespaced"), request(PODS), PODS),
    (rule(scope="Namespaced"), request(NAMESPACES, name="n", namespace="n"), None),
    (rule(scope="Cluster"), request(NAMESPACES, name="n", namespace="n"), NAMESPACES),
    (rule(apiVersions=["v1"]), request(V2), V1),
    (rule(apiVersions=["v2", "v1"]), request(V2), V2),
    (rule(apiVersions=["v3"]), request(V2), None),
]


@pytest.mark.parametrize(("document", "attributes", "version"), RULES)
def test_rules(document: Any, attributes: Any, version: ResourceVersion | None) -> None:
    match = Match.of_webhook({"rules": [document]})
    equivalents = Versions().equivalents(attributes.gvr, "")
    assert match.version(attributes, equivalents) == version
    if version is not None:
        sort = attributes.operation, attributes.gvr, attributes.subresource
        assert match.may_match(*sort, equivalents)


def test_the_exact_version_may_be_required() -> None:
    match = Match.of_webhook({"matchPolicy": "Exact", "rules": [rule(apiVersions=["v1"])]})
    assert match.version(request(V2), [V1]) is None
    assert match.version(request(V1), [V2]) == V1


def test_a_webhook_without_rules_applies_to_nothing_and_a_policy_to_everything() -> None:
    assert Match.of_webhook({}).version(request(PODS), ()) is None
    assert Match.of_policy({}).version(request(PODS), ()) == PODS


def test_policies_name_objects_and_exclude_others() -> None:
    match = Match.of_policy(
        {
            "resourceRules": [rule(resourceNames=["a", "b"])],
            "excludeResourceRules": [rule(resourceNames=["b"])],
        }
    )
    found = [match.version(request(PODS, name=name), ()) for name in "abc"]
    assert found == [PODS, None, None]


SELECTED = {"matchLabels": {"team": "a"}}
TEAM = {"metadata": {"labels": {"team": "a"}}}
OTHER: dict[str, Any] = {"metadata": {}}


@pytest.mark.parametrize(
    ("attributes", "selected"),
    [
        (request(PODS), True),
        (request(PODS, namespace="there"), False),
        (request(NODES), True),
        (request(NAMESPACES, name="there", object=TEAM), True),
        (request(NAMESPACES, name="here", object=OTHER), False),
        (request(NAMESPACES, "UPDATE", name="here", object=OTHER, old_object=TEAM), False),
        (request(NAMESPACES, "DELETE", name="here", old_object=TEAM), True),
        (request(NAMESPACES, "UPDATE", name="here", subresource="status", object=OTHER), True),
    ],
)
def test_namespace_selectors(attributes: Any, selected: bool) -> None:
    match = Match.of_webhook({"namespaceSelector": SELECTED})
    reader = Namespaces(here={"team": "a"}, there={})
    assert match.selects_namespace(attributes, reader) is selected


def test_a_namespace_that_does_not_exist() -> None:
    match = Match.of_webhook({"namespaceSelector": SELECTED})
    with pytest.raises(NotFound, match='namespaces "here" not found'):
        match.selects_namespace(request(PODS), Namespaces())


@pytest.mark.parametrize(
    ("members", "selected"),
    [
        ({"object": TEAM}, True),
        ({"object": OTHER}, False),
        ({"object": OTHER, "old_object": TEAM}, True),
        ({"old_object": TEAM}, True),
        ({"object": {"kind": "PodExecOptions"}}, False),
    ],
)
def test_object_selectors(members: Any, selected: bool) -> None:
    match = Match.of_webhook({"objectSelector": SELECTED})
    assert match.selects_object(request(PODS, **members)) is selected
    missing = {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}
    absent = Match.of_webhook({"objectSelector": missing})
    documents = [each for each in members.values() if "metadata" in each]
    assert absent.selects_object(request(PODS, **members)) is (OTHER in documents)


@dataclass
class Item:
    match: Match


def test_an_index_finds_what_may_apply() -> None:
    index: MatchIndex[Item] = MatchIndex(Versions())
    changes: list[None] = []
    index.on_change(lambda: changes.append(None))
    assert index.candidates("CREATE", V2.resource, "").items == ()
    first, second = (
        Item(Match.of_webhook({"rules": [rule(**members)]}))
        for members in ({"apiVersions": ["v1"]}, {"resources": ["pods"]})
    )
    index.replace([first, second])
    assert len(changes) == 1
    found = index.candidates("CREATE", V2.resource, "")
    assert (found.items, found.equivalents) == ((first,), [V1])
    assert index.candidates("CREATE", PODS.resource, "").items == (first, second)
    assert index.candidates("CREATE", CONFIGURATIONS.resource, "").items == ()
