"""NamespaceAutoProvision: the first object of a namespace creates it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from apiserver.access.admission.plugins.namespace_auto_provision import NamespaceAutoProvision
from apiserver.access.admission.plugins.namespace_lifecycle import NamespaceLifecycle
from apiserver.registry.loopback import system_client
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, named
from tests.unit.registry.watched import Cluster, refusal, watched_cluster


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with watched_cluster() as cluster:
        client = system_client(cluster.registry)
        cluster.registry.admit([NamespaceAutoProvision(client), NamespaceLifecycle()])
        yield cluster


async def test_a_missing_namespace_is_created(cluster: Cluster) -> None:
    first, second = named("a", "fresh"), named("b", "fresh")
    missing = (404, 'namespaces "fresh" not found')
    assert await refusal(cluster.create(CONFIG_MAPS, first, dry_run=True)) == missing
    assert (await cluster.create(CONFIG_MAPS, first)).created
    assert (await cluster.create(CONFIG_MAPS, second)).created
    assert cluster.exists(NAMESPACES, "fresh", "")
