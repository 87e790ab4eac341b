"""Small controllers on a real registry, as they run: protection, aggregation, the root CA."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from apiserver.controllers.clusterrole_aggregation_controller import (
    ClusterRoleAggregationController,
    aggregated_rules,
)
from apiserver.controllers.controller import Controller, Reconciler
from apiserver.controllers.protection_controllers import (
    CLAIM_PROTECTION,
    CLASS_PROTECTION,
    VOLUME_PROTECTION,
    Protection,
    ProtectionController,
)
from apiserver.controllers.root_ca_certificate_publisher import NAME, RootCACertificatePublisher
from apiserver.machinery.builtin_resources import (
    ATTRIBUTES_CLASSES,
    CLAIMS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    PODS,
    VOLUMES,
)
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.options import DeleteOptions
from apiserver.registry.loopback import Loopback, controller_client
from tests.unit.cluster import NAMESPACES, named, pod, registry_in_memory
from tests.waiting import eventually

HOLD = "example.com/hold"
STORAGE = {"resources": {"requests": {"storage": "1Gi"}}, "accessModes": ["ReadWriteOnce"]}


@pytest.fixture
async def client() -> AsyncIterator[Loopback]:
    async with registry_in_memory() as registry:
        client = controller_client(registry, "tests")
        await client.create(NAMESPACES, named("n"))
        yield client


@asynccontextmanager
async def running(client: Loopback, reconciler: Reconciler) -> AsyncIterator[None]:
    task = asyncio.create_task(Controller("test", client, reconciler).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def found(
    client: Loopback, resource: GroupVersionResource, name: str, namespace: str = ""
) -> Object | None:
    try:
        return await client.get(resource, namespace, name)
    except NotFound:
        return None


def claim(name: str, *finalizers: str, **metadata: Any) -> Object:
    return {**named(name, "n", finalizers=list(finalizers), **metadata), "spec": STORAGE}


def volume(name: str, *finalizers: str, phase: str = "", **spec: Any) -> Object:
    return {
        **named(name, finalizers=list(finalizers)),
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/v"},
            **spec,
        },
    }


def attributes_class(name: str, *finalizers: str) -> Object:
    return {
        **named(name, finalizers=list(finalizers)),
        "driverName": "example.com",
        "parameters": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("protection", "document"),
    [
        (CLAIM_PROTECTION, claim("a")),
        (VOLUME_PROTECTION, volume("a")),
        (CLASS_PROTECTION, attributes_class("a")),
    ],
)
async def test_what_nothing_uses_is_protected_until_it_is_deleted(
    client: Loopback, protection: Protection, document: Object
) -> None:
    resource, namespace = protection.resource, document["metadata"].get("namespace", "")
    async with running(client, ProtectionController(client, protection)):
        await client.create(resource, document)

        async def is_protected() -> bool:
            stored = await client.get(resource, namespace, "a")
            return stored["metadata"].get("finalizers") == [protection.finalizer]

        await eventually(is_protected)
        held = [HOLD, protection.finalizer]
        await client.patch(resource, namespace, "a", {"metadata": {"finalizers": held}})
        await client.delete(resource, namespace, "a", DeleteOptions())

        async def is_released() -> bool:
            stored = await client.get(resource, namespace, "a")
            return stored["metadata"]["finalizers"] == [HOLD]

        await eventually(is_released)


def mounting(name: str, *claims: str, node: str = "node", **more: Any) -> Object:
    volumes = [{"name": each, "persistentVolumeClaim": {"claimName": each}} for each in claims]
    return {**pod(name, "n", volumes=volumes, nodeName=node, **more)}


async def test_a_claim_is_kept_while_a_pod_with_a_node_has_it(client: Loopback) -> None:
    for name in ("used", "unused", "waiting"):
        await client.create(CLAIMS, claim(name, CLAIM_PROTECTION.finalizer))
    await client.create(PODS, mounting("user", "used"))
    await client.create(PODS, mounting("waiter", "waiting", node=""))
    async with running(client, ProtectionController(client, CLAIM_PROTECTION)):
        for name in ("used", "unused", "waiting"):
            await client.delete(CLAIMS, "n", name, DeleteOptions())
        for name in ("unused", "waiting"):
            await eventually(lambda name=name: gone(client, name))
        assert await found(client, CLAIMS, "used", "n") is not None
        await client.delete(PODS, "n", "user", DeleteOptions(grace_period_seconds=0))
        await eventually(lambda: gone(client, "used"))


async def gone(client: Loopback, name: str) -> bool:
    return await found(client, CLAIMS, name, "n") is None


async def test_the_claim_of_an_ephemeral_volume_is_kept_for_its_pod(client: Loopback) -> None:
    template = {"volumeClaimTemplate": {"spec": STORAGE}}
    volumes = [{"name": "v", "ephemeral": template}]
    user = await client.create(PODS, pod("p", "n", volumes=volumes, nodeName="node"))
    owner = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "p",
        "uid": user["metadata"]["uid"],
        "controller": True,
    }
    await client.create(CLAIMS, claim("p-v", CLAIM_PROTECTION.finalizer, ownerReferences=[owner]))
    async with running(client, ProtectionController(client, CLAIM_PROTECTION)):
        await client.delete(CLAIMS, "n", "p-v", DeleteOptions())
        await client.create(CLAIMS, claim("other"))
        # The controller has seen the deletion once it has protected the other one.
        await eventually(lambda: protects(client, "other"))
        assert await found(client, CLAIMS, "p-v", "n") is not None
        await client.delete(PODS, "n", "p", DeleteOptions(grace_period_seconds=0))
        await eventually(lambda: gone(client, "p-v"))


async def protects(client: Loopback, name: str) -> bool:
    stored = await client.get(CLAIMS, "n", name)
    return bool(stored["metadata"].get("finalizers"))


async def test_a_volume_is_kept_while_it_is_bound(client: Loopback) -> None:
    made = await client.create(VOLUMES, volume("v", VOLUME_PROTECTION.finalizer))
    await client.update(VOLUMES, {**made, "status": {"phase": "Bound"}}, "status")
    async with running(client, ProtectionController(client, VOLUME_PROTECTION)):
        await client.create(VOLUMES, volume("w", VOLUME_PROTECTION.finalizer))
        for name in "vw":
            await client.delete(VOLUMES, "", name, DeleteOptions())

        async def is_gone(name: str) -> bool:
            return await found(client, VOLUMES, name) is None

        await eventually(lambda: is_gone("w"))
        kept = await found(client, VOLUMES, "v")
        assert kept is not None
        await client.update(VOLUMES, {**kept, "status": {"phase": "Released"}}, "status")
        await eventually(lambda: is_gone("v"))


async def test_a_class_is_kept_while_a_volume_names_it(client: Loopback) -> None:
    await client.create(ATTRIBUTES_CLASSES, attributes_class("c", CLASS_PROTECTION.finalizer))
    document = volume("v", volumeAttributesClassName="c")
    del document["spec"]["hostPath"]
    document["spec"]["csi"] = {"driver": "example.com", "volumeHandle": "h"}
    await client.create(VOLUMES, document)
    async with running(client, ProtectionController(client, CLASS_PROTECTION)):
        await client.delete(ATTRIBUTES_CLASSES, "", "c", DeleteOptions())
        await client.create(ATTRIBUTES_CLASSES, attributes_class("d"))

        async def is_seen() -> bool:
            return bool(
                (await client.get(ATTRIBUTES_CLASSES, "", "d"))["metadata"].get("finalizers")
            )

        await eventually(is_seen)
        assert await found(client, ATTRIBUTES_CLASSES, "c") is not None
        await client.delete(VOLUMES, "", "v", DeleteOptions())

        async def is_gone() -> bool:
            return await found(client, ATTRIBUTES_CLASSES, "c") is None

        await eventually(is_gone)


def role(name: str, labels: Mapping[str, str] = {}, *rules: Object, **more: Any) -> Object:
    return {**named(name, labels=dict(labels)), "rules": list(rules), **more}


READ = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
WRITE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}
SELECTORS = [
    {"matchLabels": {"to": "a"}},
    {"matchExpressions": [{"key": "b", "operator": "Exists"}]},
]
AGGREGATED = {"aggregationRule": {"clusterRoleSelectors": SELECTORS}}


def test_rules_come_by_name_and_once() -> None:
    others = [
        role("z", {"to": "a"}, READ),
        role("m", {"to": "b"}, {"nonResourceURLs": ["/"], "verbs": ["get"]}),
        role("b", {"b": ""}, WRITE, READ),
        role("a", {"to": "a"}, {"verbs": ["delete"]}, **AGGREGATED),
    ]
    assert aggregated_rules(others[-1], others) == [WRITE, READ]


async def test_an_aggregated_role_follows_the_others(client: Loopback) -> None:
    async with running(client, ClusterRoleAggregationController(client)):
        await client.create(CLUSTER_ROLES, role("a", {}, READ, **AGGREGATED))

        async def has(*rules: Object) -> bool:
            return ((await client.get(CLUSTER_ROLES, "", "a")).get("rules") or []) == list(rules)

        await eventually(lambda: has())
        await client.create(CLUSTER_ROLES, role("w", {"to": "a"}, WRITE))
        await eventually(lambda: has(WRITE))
        await client.patch(CLUSTER_ROLES, "", "w", {"rules": [READ, WRITE]})
        await eventually(lambda: has(READ, WRITE))
        stored = await client.get(CLUSTER_ROLES, "", "a")
        owners = {
            each["manager"]: each["operation"] for each in stored["metadata"]["managedFields"]
        }
        assert owners["clusterrole-aggregation-controller"] == "Apply"
        await client.delete(CLUSTER_ROLES, "", "w", DeleteOptions())
        await eventually(lambda: has())


async def test_every_namespace_has_the_root_certificate(client: Loopback) -> None:
    async with running(client, RootCACertificatePublisher(client, "PEM")):

        async def is_published(namespace: str) -> bool:
            stored = await found(client, CONFIG_MAPS, NAME, namespace)
            return stored is not None and stored["data"] == {"ca.crt": "PEM"}

        await eventually(lambda: is_published("n"))
        await client.create(NAMESPACES, named("m"))
        await eventually(lambda: is_published("m"))
        await client.delete(CONFIG_MAPS, "m", NAME, DeleteOptions())
        await eventually(lambda: is_published("m"))
        changed = with_metadata(await client.get(CONFIG_MAPS, "n", NAME), labels={"a": "b"})
        await client.update(CONFIG_MAPS, {**changed, "data": {"ca.crt": "other", "b": "c"}})
        await eventually(lambda: is_published("n"))
        assert (await client.get(CONFIG_MAPS, "n", NAME))["metadata"]["labels"] == {"a": "b"}
