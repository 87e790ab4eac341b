"""The catalogue: its kinds, their order, and the review of changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.builtin import VERBS, builtin_definitions
from apiserver.resources.builtin.kinds import builtin_catalog
from apiserver.resources.catalog import Catalog
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.kind import Kind, UnloadedKind
from apiserver.schema.structtypes import struct_of_kind
from tests.unit.kinds import plain_kind

BUILTIN = builtin_definitions()


def custom(group: str, version: str, plural: str = "geese") -> ResourceDefinition:
    return ResourceDefinition(
        group=group,
        version=version,
        resource=plural,
        kind="Goose",
        singular="goose",
        namespaced=True,
        verbs=("get", "list"),
        storage_kind=GroupVersionKind(group, version, "Goose"),
        storage_prefix=f"{group}/{plural}",
        list_kind="GooseList",
        custom=True,
    )


def with_kinds(catalog: Catalog, *definitions: ResourceDefinition) -> Catalog:
    catalog.replace(added=map(plain_kind, definitions))
    return catalog


def find(group: str, version: str, plural: str) -> ResourceDefinition:
    found = builtin_catalog().resource(group, version, plural)
    assert found is not None
    return found


def test_a_resource_is_found_by_group_version_and_plural() -> None:
    catalog = builtin_catalog()
    assert find("apps", "v1", "deployments").kind == "Deployment"
    assert catalog.resource("apps", "v1", "deployment") is None
    assert catalog.resource("apps", "v2", "deployments") is None
    assert catalog.resource("nowhere", "v1", "deployments") is None


def test_every_change_is_a_new_generation() -> None:
    catalog, goose = Catalog(), custom("example.com", "v1")
    catalog.replace(added=[plain_kind(goose)])
    first = catalog.generation
    catalog.replace(added=[plain_kind(replace(goose, short_names=("gs",)))])
    second = catalog.generation
    catalog.replace(removed=[goose])
    assert first < second < catalog.generation
    assert not catalog.has_group("example.com")
    assert catalog.groups() == []


def test_what_is_not_served_cannot_be_removed() -> None:
    catalog = with_kinds(Catalog(), custom("example.com", "v1"))
    with pytest.raises(KeyError):
        catalog.replace(removed=[custom("example.com", "v1"), custom("example.com", "v2")])
    assert catalog.has_group("example.com")


def test_a_batch_is_one_generation_and_is_told_once() -> None:
    catalog, told = builtin_catalog(), []
    before = catalog.generation
    catalog.listen(lambda changed: told.append(len(changed)))
    with_kinds(catalog, *(custom(f"g{n}.example.com", "v1") for n in range(1000)))
    assert catalog.generation == before + 1
    catalog.replace(
        removed=[custom("g1.example.com", "v1"), custom("g2.example.com", "v1")],
        added=[plain_kind(custom("g2.example.com", "v1"))],
    )
    assert (catalog.generation, told) == (before + 2, [1000, 2])
    assert catalog.kind("g1.example.com", "v1", "geese") is None
    assert catalog.kind("g2.example.com", "v1", "geese") is not None
    catalog.replace()
    assert catalog.generation == before + 2


def test_what_is_derived_of_other_group_versions_stays() -> None:
    scopes = [(), ("a",), ("a", "v1"), ("a", "v2"), ("b",), ("b", "v1")]
    catalog = with_kinds(Catalog(), *(custom(*scope) for scope in scopes if len(scope) == 2))
    computed: list[tuple[str, ...]] = []

    def derive() -> list[tuple[str, ...]]:
        computed.clear()
        for scope in scopes:
            catalog.derived("x", lambda scope=scope: computed.append(scope), scope)
        return list(computed)

    assert derive() == scopes
    assert derive() == []
    with_kinds(catalog, custom("a", "v2", "swans"))
    assert derive() == [(), ("a",), ("a", "v2")]
    assert catalog.changed("a", "v2") > catalog.changed("a", "v1") == catalog.changed("b", "v1")


def test_a_kind_is_loaded_when_it_is_first_asked_for_and_once() -> None:
    loaded: list[ResourceDefinition] = []

    def load(definition: ResourceDefinition) -> Kind:
        loaded.append(definition)
        return plain_kind(definition)

    catalog = Catalog([UnloadedKind(custom("a", "v1"), load)])
    assert catalog.resource("a", "v1", "geese") == custom("a", "v1")
    assert not loaded
    assert catalog.kind("a", "v1", "geese") is catalog.kind("a", "v1", "geese")
    assert len(loaded) == 1


def test_what_is_derived_is_computed_once_in_a_generation() -> None:
    catalog, computed = Catalog(), []

    def compute() -> int:
        computed.append(catalog.generation)
        return catalog.generation

    with_kinds(catalog, custom("example.com", "v1"))
    assert catalog.derived("x", compute) == catalog.derived("x", compute) == 1
    with_kinds(catalog, custom("example.com", "v2"))
    assert catalog.derived("x", compute) == 2
    assert computed == [1, 2]


def test_groups_stand_in_the_order_of_their_priorities_and_then_of_their_names() -> None:
    catalog = with_kinds(
        builtin_catalog(), custom("b.example.com", "v1"), custom("a.example.com", "v1")
    )
    groups = catalog.groups()
    assert groups[:4] == ["apiregistration.k8s.io", "", "apps", "events.k8s.io"]
    assert groups[-3:] == ["resource.k8s.io", "a.example.com", "b.example.com"]
    # These two have the same priority.
    at = groups.index("admissionregistration.k8s.io")
    assert groups[at + 1] == "apiextensions.k8s.io"


def test_the_preferred_version_is_the_first() -> None:
    versions = ("v1alpha1", "foo1", "v10", "v2", "v1beta1", "v1")
    catalog = with_kinds(
        builtin_catalog(), *(custom("example.com", version) for version in versions)
    )
    assert catalog.versions("autoscaling") == ["v2", "v1"]
    assert catalog.versions("example.com") == ["v10", "v2", "v1", "v1beta1", "v1alpha1", "foo1"]
    assert catalog.versions("nowhere") == []


def test_a_group_of_custom_kinds_alone_is_not_the_servers_own() -> None:
    catalog = with_kinds(builtin_catalog(), custom("example.com", "v1"), custom("policy", "v9"))
    assert catalog.has_group("example.com")
    assert not catalog.has_builtin_group("example.com")
    assert catalog.has_builtin_group("policy")
    assert catalog.has_builtin_group("")


@pytest.mark.parametrize("definition", BUILTIN, ids=lambda each: f"{each.group}/{each.resource}")
def test_every_kind_of_a_row_can_be_decoded(definition: ResourceDefinition) -> None:
    kinds = [definition.gvk, *(each.kind for each in definition.subresources)]
    if definition.list_kind:
        kinds.append(definition.gvk._replace(kind=definition.list_kind))
    for kind in kinds:
        assert struct_of_kind(kind.api_version, kind.kind) is not None, kind


@pytest.mark.parametrize("definition", BUILTIN, ids=lambda each: f"{each.group}/{each.resource}")
def test_verbs_and_subresources_stand_in_order(definition: ResourceDefinition) -> None:
    names = [each.name for each in definition.subresources]
    assert names == sorted(names)
    for verbs in (definition.verbs, *(each.verbs for each in definition.subresources)):
        assert list(verbs) == sorted(verbs)
        assert set(verbs) <= set(VERBS)


def test_no_two_kinds_share_a_place_in_the_store() -> None:
    places: dict[str, GroupVersionKind] = {}
    for definition in BUILTIN:
        if definition.persisted:
            kind = places.setdefault(definition.storage_prefix, definition.storage_kind)
            assert kind == definition.storage_kind


@pytest.mark.parametrize(
    ("group", "version", "plural", "prefix", "kind"),
    [
        ("", "v1", "pods", "pods", "/v1/Pod"),
        ("", "v1", "nodes", "minions", "/v1/Node"),
        ("", "v1", "services", "services/specs", "/v1/Service"),
        ("", "v1", "endpoints", "services/endpoints", "/v1/Endpoints"),
        ("", "v1", "replicationcontrollers", "controllers", "/v1/ReplicationController"),
        ("networking.k8s.io", "v1", "ingresses", "ingress", "networking.k8s.io/v1/Ingress"),
        ("events.k8s.io", "v1", "events", "events", "/v1/Event"),
        ("autoscaling", "v1", "horizontalpodautoscalers", "horizontalpodautoscalers",
         "autoscaling/v2/HorizontalPodAutoscaler"),
        ("apiextensions.k8s.io", "v1", "customresourcedefinitions",
         "apiextensions.k8s.io/customresourcedefinitions",
         "apiextensions.k8s.io/v1/CustomResourceDefinition"),
        ("apiregistration.k8s.io", "v1", "apiservices", "apiregistration.k8s.io/apiservices",
         "apiregistration.k8s.io/v1/APIService"),
    ],
)  # fmt: skip
def test_objects_are_stored_where_kube_apiserver_stores_them(
    group: str, version: str, plural: str, prefix: str, kind: str
) -> None:
    definition = find(group, version, plural)
    assert definition.storage_prefix == prefix
    assert "/".join(definition.storage_kind) == kind


@pytest.mark.parametrize("plural", ["bindings", "componentstatuses"])
def test_what_is_computed_is_not_stored(plural: str) -> None:
    assert not find("", "v1", plural).persisted
