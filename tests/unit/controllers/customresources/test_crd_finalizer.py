"""The finalizer of definitions, step by step: deletions, waiting, and conditions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from apiserver.client.client import Client
from apiserver.controllers.controller import PendingDeletions, Requeue
from apiserver.controllers.customresources.crd_access import CRDS, CRDAccess
from apiserver.controllers.customresources.crd_finalizer import CRDFinalizer
from apiserver.machinery.errors import InternalError, NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import Clock
from apiserver.registry.loopback import Loopback, system_client
from apiserver.registry.registry import Registry
from apiserver.resources.builtin.apiextensions.crds import condition_of
from apiserver.resources.custom.customkinds import stored_kind
from tests.definitions import crd
from tests.unit.cluster import NAMESPACES, create, named, registry_in_memory, webhooks_of

GROUP = "example.com"

NAME = "foos.example.com"
FOOS = GroupVersionResource("example.com", "v1", "foos")
API_SERVICES = GroupVersionResource("apiregistration.k8s.io", "v1", "apiservices")


class Ahead(Clock):
    """A clock that a test moves."""

    seconds = 0.0

    def time(self) -> float:
        return self.seconds


class Refusing(Loopback):
    """A client whose requests to delete are refused."""

    async def delete_collection(
        self, resource: GroupVersionResource, namespace: str, options: DeleteOptions
    ) -> None:
        raise InternalError("no")


class Finalizing:
    """A definition whose objects are seen through a client of its own kind."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.client = system_client(registry)
        self.crds = CRDAccess(self.client, registry.reader)
        self.clock = Ahead()
        self.finalizer = CRDFinalizer(self.crds, self.client_of, self.clock)

    def client_of(self, document: Object) -> Loopback:
        return system_client(self.registry, stored_kind(document, webhooks_of(self.registry)))

    async def establish(self, document: Object) -> Loopback:
        """Create a definition, and return a client that knows its objects."""
        names = (await self.client.create(CRDS, document))["spec"]["names"]
        established = {"type": "Established", "status": "True", "lastTransitionTime": None}
        status = {"acceptedNames": names, "conditions": [established]}
        name = document["metadata"]["name"]
        written = await self.client.patch(CRDS, "", name, {"status": status}, subresource="status")
        return self.client_of(written)

    async def delete(self, name: str = NAME) -> Requeue | None:
        await self.client.delete(CRDS, "", name, DeleteOptions())
        return await self.finalizer.reconcile(name)

    async def is_gone(self, name: str = NAME) -> bool:
        try:
            await self.client.get(CRDS, "", name)
        except NotFound:
            return True
        return False

    async def condition(self) -> Any:
        """Return the status and the reason of the condition Terminating."""
        found = await self.client.get(CRDS, "", NAME)
        condition = condition_of(found, "Terminating") or {}
        return condition["status"], condition["reason"], condition["message"]


@pytest.fixture
async def finalizing() -> AsyncIterator[Finalizing]:
    async with registry_in_memory() as registry:
        for name in ("a", "b"):
            await create(registry, NAMESPACES, named(name))
        yield Finalizing(registry)


async def put(foos: Client, name: str, namespace: str = "a", **metadata: Any) -> None:
    identity = {"apiVersion": "example.com/v1", "kind": "Foo"}
    await foos.create(FOOS, {**identity, **named(name, namespace, **metadata)})


async def test_objects_of_all_namespaces_are_deleted_first(finalizing: Finalizing) -> None:
    foos = await finalizing.establish(crd(GROUP, "foos", "Foo"))
    await put(foos, "one")
    await put(foos, "two", "b")
    assert await finalizing.delete() is None
    assert await finalizing.is_gone()
    assert not (await foos.list(FOOS)).items


async def test_an_object_with_a_finalizer_is_waited_for(finalizing: Finalizing) -> None:
    foos = await finalizing.establish(crd(GROUP, "foos", "Foo"))
    await put(foos, "held", finalizers=["example.com/hold"])
    waits = await finalizing.delete()
    assert waits is not None
    assert waits.seconds == 5
    (pending,) = waits.deletions
    assert isinstance(pending, PendingDeletions)
    assert (pending.resource, pending.count) == (FOOS, 1)
    progress = "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress"
    assert await finalizing.condition() == progress
    finalizing.clock.seconds = 60
    for _ in range(2):
        assert (await finalizing.finalizer.reconcile(NAME)) is not None
        assert await finalizing.condition() == (
            "True",
            "InstanceDeletionCheck",
            "could not confirm zero CustomResources remaining: timed out waiting for the condition",
        )
    await foos.patch(FOOS, "a", "held", {"metadata": {"finalizers": None}})
    assert await finalizing.finalizer.reconcile(NAME) is None
    assert await finalizing.is_gone()


async def test_a_refusal_is_told_once_and_tried_again(finalizing: Finalizing) -> None:
    foos = await finalizing.establish(crd(GROUP, "foos", "Foo"))
    await put(foos, "one")
    refusing = Refusing(finalizing.registry, *_identity(finalizing))
    finalizer = CRDFinalizer(finalizing.crds, lambda document: refusing)
    await finalizing.client.delete(CRDS, "", NAME, DeleteOptions())
    versions = []
    for _ in range(3):
        assert await finalizer.reconcile(NAME) == Requeue(None)
        assert (await finalizing.condition())[1:] == (
            "InstanceDeletionFailed",
            "could not issue all deletes: Internal error occurred: no",
        )
        found = await finalizing.client.get(CRDS, "", NAME)
        versions.append(found["metadata"]["resourceVersion"])
    assert len(set(versions)) == 1
    assert await finalizing.finalizer.reconcile(NAME) is None
    assert await finalizing.is_gone()


def _identity(finalizing: Finalizing) -> tuple[Any, str]:
    return finalizing.client._user, "kube-apiserver"


async def test_built_in_objects_are_not_those_of_a_definition(finalizing: Finalizing) -> None:
    group = "apiregistration.k8s.io"
    service = {"group": "x.com", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}
    await finalizing.client.create(API_SERVICES, {**named("v1.x.com"), "spec": service})
    document = crd(group, "apiservices", "APIService", scope="Cluster")
    document["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved"}
    await finalizing.establish(document)
    assert await finalizing.delete(f"apiservices.{group}") is None
    assert await finalizing.is_gone(f"apiservices.{group}")
    assert len((await finalizing.client.list(API_SERVICES)).items) == 1


async def test_what_keeps_another_finalizer_is_left_to_it(finalizing: Finalizing) -> None:
    document = crd(GROUP, "foos", "Foo")
    document["metadata"]["finalizers"] = ["example.com/mine"]
    await finalizing.establish(document)
    assert await finalizing.delete() is None
    found = await finalizing.client.get(CRDS, "", NAME)
    assert found["metadata"]["finalizers"] == ["example.com/mine"]
    assert await finalizing.condition() == (
        "False", "InstanceDeletionCompleted", "removed all instances",
    )  # fmt: skip
    assert await finalizing.finalizer.reconcile(NAME) is None
