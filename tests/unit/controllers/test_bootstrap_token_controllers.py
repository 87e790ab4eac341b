"""Bootstrap tokens expire, and sign the cluster-info ConfigMap."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest

from apiserver.controllers.bootstrap_token_controllers import (
    BootstrapSigner,
    TokenCleaner,
    detached_signature,
)
from apiserver.controllers.controller import Controller, Reconciler
from apiserver.machinery.builtin_resources import CONFIG_MAPS, SECRETS
from apiserver.machinery.errors import NotFound
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import format_seconds
from apiserver.registry.loopback import Loopback, controller_client
from tests.unit.cluster import NAMESPACES, named, registry_in_memory
from tests.waiting import eventually


@pytest.fixture
async def client() -> AsyncIterator[Loopback]:
    async with registry_in_memory() as registry:
        client = controller_client(registry, "tests")
        for namespace in ("kube-system", "kube-public", "n"):
            await client.create(NAMESPACES, named(namespace))
        yield client


@asynccontextmanager
async def running(client: Loopback, reconciler: Reconciler) -> AsyncIterator[None]:
    task = asyncio.create_task(Controller("test", client, reconciler).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def token(token_id: str, namespace: str = "kube-system", **data: str) -> Object:
    given = {"token-id": token_id, "token-secret": "0123456789abcdef", **data}
    return {
        **named(f"bootstrap-token-{token_id}", namespace),
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {name.replace("_", "-"): value for name, value in given.items()},
    }


async def exists(client: Loopback, token_id: str, namespace: str = "kube-system") -> bool:
    try:
        await client.get(SECRETS, namespace, f"bootstrap-token-{token_id}")
    except NotFound:
        return False
    return True


async def test_expired_tokens_are_deleted_and_no_others(client: Loopback) -> None:
    now = int(time.time())
    past, soon, later = (format_seconds(now + seconds) for seconds in (-1, 1, 3600))
    for token_id, data in (
        ("aaaaaa", {"expiration": past}),
        ("bbbbbb", {"expiration": later}),
        ("cccccc", {}),
        ("dddddd", {"expiration": soon}),
    ):
        await client.create(SECRETS, token(token_id, **data))
    await client.create(SECRETS, token("aaaaaa", "n", expiration=past))
    async with running(client, TokenCleaner(client)):

        async def left() -> list[str]:
            names = ("aaaaaa", "bbbbbb", "cccccc", "dddddd")
            return [name for name in names if await exists(client, name)]

        async def is_clean() -> bool:
            return await left() == ["bbbbbb", "cccccc"]

        await eventually(is_clean)
        assert await exists(client, "aaaaaa", "n")


KUBECONFIG = "clusters: []\n"


async def test_tokens_sign_the_kubeconfig_of_the_cluster(client: Loopback) -> None:
    signing = {"usage_bootstrap_signing": "true"}
    await client.create(SECRETS, token("aaaaaa", **signing))
    await client.create(SECRETS, token("bbbbbb"))
    await client.create(SECRETS, token("cccccc", **signing, expiration="2001-01-01T00:00:00Z"))
    data = {"kubeconfig": KUBECONFIG, "jws-kubeconfig-zzzzzz": "stale", "other": "kept"}
    await client.create(CONFIG_MAPS, {**named("cluster-info", "kube-public"), "data": data})
    async with running(client, BootstrapSigner(client)):

        async def signed(*token_ids: str) -> bool:
            found = (await client.get(CONFIG_MAPS, "kube-public", "cluster-info"))["data"]
            return set(found) == {
                "kubeconfig", "other", *(f"jws-kubeconfig-{each}" for each in token_ids),
            }  # fmt: skip

        await eventually(lambda: signed("aaaaaa"))
        await client.create(SECRETS, token("dddddd", **signing))
        await eventually(lambda: signed("aaaaaa", "dddddd"))
        await client.delete(SECRETS, "kube-system", "bootstrap-token-aaaaaa", DeleteOptions())
        await eventually(lambda: signed("dddddd"))


@pytest.mark.filterwarnings("ignore:The HMAC key:jwt.warnings.InsecureKeyLengthWarning")
def test_a_signature_verifies_with_the_secret_of_its_token() -> None:
    signature = detached_signature(KUBECONFIG, "abcdef", "0123456789abcdef")
    header, empty, digest = signature.split(".")
    assert not empty
    content = jwt.utils.base64url_encode(KUBECONFIG.encode()).decode()
    verified: Any = jwt.PyJWS().decode(
        f"{header}.{content}.{digest}", "0123456789abcdef", algorithms=["HS256"]
    )
    assert verified == KUBECONFIG.encode()
    assert jwt.get_unverified_header(f"{header}.{content}.{digest}") == {
        "alg": "HS256",
        "kid": "abcdef",
    }
