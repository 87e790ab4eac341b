"""The tokens controller on a real registry: Secrets of accounts, and tokens that authenticate."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from apiserver.access.authentication.authenticator import BadCredential
from apiserver.access.serviceaccounts.token_keys import KeyRing, new_private_pem
from apiserver.access.serviceaccounts.tokens import ServiceAccountTokens, TokenPolicy
from apiserver.controllers.service_account_tokens_controller import (
    ServiceAccountTokensController,
)
from apiserver.machinery.builtin_resources import SECRETS, SERVICE_ACCOUNTS
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.registry.loopback import Loopback, controller_client
from tests.unit.cluster import NAMESPACES, named, registry_in_memory
from tests.unit.controllers.test_companions import found, running
from tests.waiting import eventually

NAME, UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
KEYS = KeyRing(new_private_pem())
POLICY = TokenPolicy(("https://issuer",), ("https://issuer",))


class Cluster:
    """A cluster with the controller, and what authenticates its tokens."""

    def __init__(self, client: Loopback, tokens: ServiceAccountTokens) -> None:
        self.client = client
        self.tokens = tokens

    async def secret(self, name: str) -> Object | None:
        return await found(self.client, SECRETS, name, "n")

    async def filled(self, name: str) -> Object:
        async def has_token() -> bool:
            secret = await self.secret(name)
            return bool(secret and (secret.get("data") or {}).get("token"))

        await eventually(has_token)
        secret = await self.secret(name)
        assert secret is not None
        return secret


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with registry_in_memory() as registry:
        client = controller_client(registry, "tests")
        await client.create(NAMESPACES, named("n"))
        tokens = ServiceAccountTokens(
            KEYS, POLICY, registry.reader, registry.store.wait_until_fresh
        )
        controller = ServiceAccountTokensController(client, tokens.issue_legacy, "the CA")
        async with running(client, controller):
            yield Cluster(client, tokens)


def token_secret(name: str, account: str, **annotations: str) -> dict[str, Any]:
    return {
        **named(name, "n", annotations={NAME: account, **annotations}),
        "type": "kubernetes.io/service-account-token",
    }


async def test_a_secret_gets_a_token_that_lives_as_long_as_both(cluster: Cluster) -> None:
    account = await cluster.client.create(SERVICE_ACCOUNTS, named("robot", "n"))
    await cluster.client.create(SECRETS, token_secret("s", "robot"))
    secret = await cluster.filled("s")
    data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    assert (data["ca.crt"], data["namespace"]) == ("the CA", "n")
    assert secret["metadata"]["annotations"][UID] == account["metadata"]["uid"]
    user = await cluster.tokens.authenticate(data["token"])
    assert user is not None
    assert (user.name, user.uid) == ("system:serviceaccount:n:robot", account["metadata"]["uid"])
    # It is deleted with its account.
    await cluster.client.delete(SERVICE_ACCOUNTS, "n", "robot", DeleteOptions())

    async def is_gone() -> bool:
        return await cluster.secret("s") is None

    await eventually(is_gone)
    with pytest.raises(BadCredential):
        await cluster.tokens.authenticate(data["token"])


async def test_a_secret_of_another_account_of_the_same_name_is_deleted(cluster: Cluster) -> None:
    await cluster.client.create(SERVICE_ACCOUNTS, named("robot", "n"))
    await cluster.client.create(SECRETS, token_secret("old", "robot", **{UID: "another"}))

    async def is_gone() -> bool:
        return await cluster.secret("old") is None

    await eventually(is_gone)


async def test_what_is_removed_is_restored_and_references_are_dropped(cluster: Cluster) -> None:
    account = {**named("robot", "n"), "secrets": [{"name": "s"}, {"name": "other"}]}
    await cluster.client.create(SERVICE_ACCOUNTS, account)
    await cluster.client.create(SECRETS, token_secret("s", "robot"))
    await cluster.client.update(SECRETS, {**await cluster.filled("s"), "data": {}})
    assert set((await cluster.filled("s"))["data"]) == {"ca.crt", "namespace", "token"}
    await cluster.client.delete(SECRETS, "n", "s", DeleteOptions())

    async def is_dropped() -> bool:
        stored = await cluster.client.get(SERVICE_ACCOUNTS, "n", "robot")
        return bool(stored["secrets"] == [{"name": "other"}])

    await eventually(is_dropped)


async def test_other_secrets_are_left_alone(cluster: Cluster) -> None:
    await cluster.client.create(SERVICE_ACCOUNTS, named("robot", "n"))
    plain = {**named("plain", "n", annotations={NAME: "robot"}), "type": "Opaque"}
    await cluster.client.create(SECRETS, plain)
    await cluster.client.create(SECRETS, token_secret("s", "robot"))
    await cluster.filled("s")
    secret = await cluster.secret("plain")
    assert secret is not None
    assert "data" not in secret
