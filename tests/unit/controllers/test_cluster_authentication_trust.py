"""Whom a server trusts is published for others."""

from __future__ import annotations

import asyncio

import pytest

from apiserver.controllers.cluster_authentication_trust_controller import (
    NAME,
    ClusterAuthenticationTrustController,
    combined_certificates,
    combined_names,
)
from apiserver.controllers.controller import Controller
from apiserver.machinery.builtin_resources import CONFIG_MAPS
from apiserver.machinery.errors import NotFound
from apiserver.machinery.options import DeleteOptions
from apiserver.registry.loopback import controller_client
from tests.unit.client.webhook_server import make_certificate
from tests.unit.cluster import NAMESPACES, named, registry_in_memory
from tests.waiting import eventually

OURS, THEIRS = make_certificate("a").pem, make_certificate("b").pem
EXPIRED = make_certificate("c", valid=(-2, -1)).pem


@pytest.mark.parametrize(
    ("existing", "own", "combined"),
    [
        ("", '["a"]', '["a"]'),
        ('["a","b"]', '["b","c"]', '["a","b","c"]'),
        ("rubbish", "[]", "[]"),
        ('{"a": 1}', '["b"]', '["b"]'),
    ],
)
def test_names_are_combined(existing: str, own: str, combined: str) -> None:
    assert combined_names(existing, own) == combined


@pytest.mark.parametrize(
    ("existing", "combined"),
    [
        ("", OURS),
        (OURS, OURS),
        (THEIRS, THEIRS + OURS),
        (OURS + THEIRS, THEIRS + OURS),
        (EXPIRED, OURS),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", OURS),
    ],
)
def test_certificates_are_combined(existing: str, combined: str) -> None:
    assert combined_certificates(existing, OURS) == combined


async def test_the_config_map_is_kept() -> None:
    published = {"client-ca-file": OURS, "requestheader-allowed-names": '["p"]'}
    async with registry_in_memory() as registry:
        client = controller_client(registry, "tests")
        await client.create(NAMESPACES, named("kube-system"))
        reconciler = ClusterAuthenticationTrustController(client, published)
        task = asyncio.create_task(Controller("test", client, reconciler).run())

        async def has(data: dict[str, str]) -> bool:
            try:
                found = await client.get(CONFIG_MAPS, "kube-system", NAME)
            except NotFound:
                return False
            return found["data"] == data

        await eventually(lambda: has(published))
        await client.delete(CONFIG_MAPS, "kube-system", NAME, DeleteOptions())
        await eventually(lambda: has(published))
        patch = {"data": {"client-ca-file": THEIRS, "other": "x"}}
        await client.patch(CONFIG_MAPS, "kube-system", NAME, patch)
        await eventually(lambda: has({**published, "client-ca-file": THEIRS + OURS, "other": "x"}))
        task.cancel()
        await asyncio.wait([task])
