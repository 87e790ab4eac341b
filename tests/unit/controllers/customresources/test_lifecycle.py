"""What becomes of definitions, with all of their controllers running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from apiserver.client.client import MERGE_PATCH
from apiserver.controllers.controller_manager import (
    ControllerOptions,
    build_manager,
    run_controllers,
)
from apiserver.controllers.customresources.crd_access import CRDS
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.registry.loopback import Loopback, system_client
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored
from apiserver.resources.builtin.apiextensions.crds import accepted_names, condition_of
from storage.interface import Put
from storage.memory import MemoryStore
from tests.definitions import crd
from tests.unit.cluster import registry_in_memory, registry_over, webhooks_of
from tests.waiting import PATIENCE

GROUP = "example.com"

API_SERVICES = GroupVersionResource("apiregistration.k8s.io", "v1", "apiservices")


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with registry_in_memory() as registry:
        ready = asyncio.Event()
        ready.set()
        async with run_controllers(
            build_manager(ControllerOptions(), registry, webhooks_of(registry)), ready
        ):
            yield registry


@pytest.fixture
def client(registry: Registry) -> Loopback:
    return system_client(registry)


async def get(client: Loopback, resource: GroupVersionResource, name: str) -> Object | None:
    try:
        return await client.get(resource, "", name)
    except NotFound:
        return None


async def reaches(
    client: Loopback,
    name: str,
    holds: Callable[[Any], object],
    resource: GroupVersionResource = CRDS,
) -> Any:
    """Return an object, ``None`` if there is none, when something holds of it."""
    async with asyncio.timeout(PATIENCE):
        while not holds(found := await get(client, resource, name)):
            await asyncio.sleep(0)
    return found


def reason(type_: str, expected: str) -> Callable[[Any], bool]:
    def holds(found: Object | None) -> bool:
        return found is not None and (condition_of(found, type_) or {}).get("reason") == expected

    return holds


async def test_a_kind_is_established(client: Loopback) -> None:
    created = await client.create(CRDS, crd(GROUP, "foos", "Foo"))
    assert created["status"]["acceptedNames"] == {"plural": "", "kind": ""}
    found = await reaches(client, "foos.example.com", reason("Established", "InitialNamesAccepted"))
    assert accepted_names(found).list_kind == "FooList"
    assert [(each["type"], each["status"]) for each in found["status"]["conditions"]] == [
        ("NamesAccepted", "True"), ("Established", "True"),
    ]  # fmt: skip
    owner = found["metadata"]["managedFields"][-1]
    assert (owner["manager"], owner["subresource"]) == ("kube-apiserver", "status")
    assert "conditions" not in owner["fieldsV1"]["f:status"]


async def test_a_name_is_free_when_its_kind_gives_it_up(client: Loopback) -> None:
    await client.create(CRDS, crd(GROUP, "foos", "Foo", names={"shortNames": ["f"]}))
    await reaches(client, "foos.example.com", reason("Established", "InitialNamesAccepted"))
    await client.create(CRDS, crd(GROUP, "bars", "Bar", names={"shortNames": ["f"]}))
    found = await reaches(client, "bars.example.com", reason("Established", "NotAccepted"))
    assert "shortNames" not in found["status"]["acceptedNames"]
    patch = {"spec": {"names": {"shortNames": None}}}
    await client.patch(CRDS, "", "foos.example.com", patch, MERGE_PATCH)
    found = await reaches(client, "bars.example.com", reason("Established", "InitialNamesAccepted"))
    assert found["status"]["acceptedNames"]["shortNames"] == ["f"]


async def test_a_name_is_free_when_its_kind_is_deleted(client: Loopback) -> None:
    await client.create(CRDS, crd(GROUP, "foos", "Foo"))
    await reaches(client, "foos.example.com", reason("NamesAccepted", "NoConflicts"))
    await client.create(CRDS, crd(GROUP, "bars", "Foo"))
    await client.create(CRDS, crd("other.com", "bars", "Foo"))
    await reaches(client, "bars.other.com", reason("Established", "InitialNamesAccepted"))
    await reaches(client, "bars.example.com", reason("NamesAccepted", "ListKindConflict"))
    await client.patch(CRDS, "", "foos.example.com", NOT_ESTABLISHED, subresource="status")
    await client.delete(CRDS, "", "foos.example.com", DeleteOptions())
    await reaches(client, "bars.example.com", reason("Established", "InitialNamesAccepted"))


NOT_ESTABLISHED: Object = {"status": {"conditions": [
    {"type": "Established", "status": "False", "reason": "Test", "lastTransitionTime": None},
]}}  # fmt: skip


async def test_what_was_never_established_goes_at_once(client: Loopback) -> None:
    await client.create(CRDS, crd(GROUP, "foos", "Foo"))
    await reaches(client, "foos.example.com", reason("Established", "InitialNamesAccepted"))
    await client.create(CRDS, crd(GROUP, "bars", "Foo"))
    await reaches(client, "bars.example.com", reason("Established", "NotAccepted"))
    await client.delete(CRDS, "", "bars.example.com", DeleteOptions())
    await reaches(client, "bars.example.com", lambda found: found is None)


async def test_a_webhook_that_cannot_be_trusted_delays_it(client: Loopback) -> None:
    config = {"url": "https://a.b/c", "caBundle": "Zm9v"}
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": config}
    conversion = {"strategy": "Webhook", "webhook": webhook}
    await client.create(CRDS, crd(GROUP, "foos", "Foo", conversion=conversion))
    found = await reaches(client, "foos.example.com", reason("Established", "InvalidCABundle"))
    assert condition_of(found, "NamesAccepted") is not None
    patch = {"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": None}}}}}
    await client.patch(CRDS, "", "foos.example.com", patch, MERGE_PATCH)
    await reaches(client, "foos.example.com", reason("Established", "InitialNamesAccepted"))


async def test_a_protected_group_tells_of_its_approval(client: Loopback) -> None:
    document, annotation = crd("a.k8s.io", "foos", "Foo"), "api-approved.kubernetes.io"
    document["metadata"]["annotations"] = {annotation: "https://example.com/approval"}
    await client.create(CRDS, document)
    type_ = "KubernetesAPIApprovalPolicyConformant"
    found = await reaches(client, "foos.a.k8s.io", reason(type_, "ApprovedAnnotation"))
    assert condition_of(found, type_)["message"] == "approved in https://example.com/approval"  # type: ignore[index]
    patch = {"metadata": {"annotations": {annotation: "unapproved"}}}
    await client.patch(CRDS, "", "foos.a.k8s.io", patch, MERGE_PATCH)
    await reaches(client, "foos.a.k8s.io", reason(type_, "UnapprovedAnnotation"))


async def test_a_schema_from_before_the_rule_is_told_of(registry: Registry) -> None:
    client, name = system_client(registry), "foos.example.com"
    schema = {"openAPIV3Schema": {"properties": {"a": {}}}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    old = crd(GROUP, "foos", "Foo", preserveUnknownFields=True, versions=versions)
    old["metadata"]["uid"] = "u"
    definitions = registry.resource(*CRDS)
    assert definitions is not None
    await definitions.store.commit([Put(definitions.key("", name), Stored.to_write(old), 0, 0)])
    found = await reaches(client, name, reason("NonStructuralSchema", "Violations"))
    told = condition_of(found, "NonStructuralSchema")
    assert told is not None
    assert told["message"] == (
        "[spec.preserveUnknownFields: Invalid value: true: must be false, "
        "spec.versions[0].schema.openAPIV3Schema.properties[a].type: Required value: must not be "
        "empty for specified object fields, spec.versions[0].schema.openAPIV3Schema.type: Required "
        "value: must not be empty at the root]"
    )
    patch = {
        "spec": {
            "preserveUnknownFields": False,
            "versions": crd(GROUP, "foos", "Foo")["spec"]["versions"],
        }
    }
    await client.patch(CRDS, "", name, patch, MERGE_PATCH)
    await reaches(client, name, lambda found: condition_of(found, "NonStructuralSchema") is None)


async def test_a_group_version_has_an_api_service(client: Loopback) -> None:
    await client.create(CRDS, crd(GROUP, "foos", "Foo"))
    found = await reaches(client, "v1.example.com", bool, API_SERVICES)
    assert found["metadata"]["labels"] == {"kube-aggregator.kubernetes.io/automanaged": "true"}
    assert found["spec"] == {
        "group": "example.com", "version": "v1", "groupPriorityMinimum": 1000,
        "versionPriority": 100,
    }  # fmt: skip
    await client.delete(API_SERVICES, "", "v1.example.com", DeleteOptions())
    uid = found["metadata"]["uid"]
    await reaches(
        client, "v1.example.com", lambda new: new and new["metadata"]["uid"] != uid, API_SERVICES
    )
    patch = {"spec": {"versionPriority": 7}}
    await client.patch(API_SERVICES, "", "v1.example.com", patch, MERGE_PATCH)
    await reaches(
        client, "v1.example.com", lambda new: new["spec"]["versionPriority"] == 100, API_SERVICES
    )


async def test_an_api_service_goes_with_the_last_definition(client: Loopback) -> None:
    await client.create(CRDS, crd(GROUP, "foos", "Foo"))
    await reaches(client, "foos.example.com", reason("Established", "InitialNamesAccepted"))
    await client.create(CRDS, crd(GROUP, "bars", "Foo"))
    await reaches(client, "v1.example.com", bool, API_SERVICES)
    patch = {
        "spec": {
            "versions": [{**crd(GROUP, "foos", "Foo")["spec"]["versions"][0], "served": False}]
        }
    }
    await client.patch(CRDS, "", "foos.example.com", patch, MERGE_PATCH)
    await client.delete(CRDS, "", "bars.example.com", DeleteOptions())
    await reaches(client, "bars.example.com", lambda found: found is None)
    await reaches(client, "v1.example.com", lambda found: found is None, API_SERVICES)


async def test_an_api_service_of_somebody_else_is_left_alone(client: Loopback) -> None:
    spec = {"group": "example.com", "version": "v1", "groupPriorityMinimum": 5}
    mine = {"metadata": {"name": "v1.example.com"}, "spec": {**spec, "versionPriority": 6}}
    await client.create(API_SERVICES, mine)
    await client.create(CRDS, crd(GROUP, "foos", "Foo"))
    await client.create(CRDS, crd("other.com", "bars", "Bar"))
    await reaches(client, "v1.other.com", bool, API_SERVICES)
    found = await client.get(API_SERVICES, "", "v1.example.com")
    assert found["spec"]["groupPriorityMinimum"] == 5


async def test_several_servers_agree() -> None:
    """Each server runs the controllers; what one has done, the others leave as it is."""
    store, ready = MemoryStore(), asyncio.Event()
    ready.set()
    async with AsyncExitStack() as stack:
        registries = [await stack.enter_async_context(registry_over(store)) for _ in range(3)]
        for registry in registries:
            manager = build_manager(ControllerOptions(), registry, webhooks_of(registry))
            await stack.enter_async_context(run_controllers(manager, ready))
        clients = [system_client(registry) for registry in registries]
        names = [f"{plural}.example.com" for plural in ("as", "bs", "cs", "ds", "es", "fs")]
        for index, name in enumerate(names):
            document = crd(GROUP, name.partition(".")[0], f"Kind{index}")
            await clients[index % 3].create(CRDS, document)
        for name in names:
            for client in clients:
                await reaches(client, name, reason("Established", "InitialNamesAccepted"))
        await reaches(clients[0], "v1.example.com", bool, API_SERVICES)
        for index, name in enumerate(names):
            await clients[-index % 3].delete(CRDS, "", name, DeleteOptions())
        for client in clients:
            for name in names:
                await reaches(client, name, lambda found: found is None)
            await reaches(client, "v1.example.com", lambda found: found is None, API_SERVICES)
