"""Tokens of ServiceAccounts: claims, verification and expiry."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import jwt
import pytest

from apiserver.access.authentication.authenticator import BadCredential
from apiserver.access.serviceaccounts.claims import BoundObjects, TokenLifetime
from apiserver.access.serviceaccounts.token_keys import KeyRing, new_private_pem
from apiserver.access.serviceaccounts.tokens import ServiceAccountTokens, TokenPolicy
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.times import Clock, format_seconds
from apiserver.machinery.users import UserInfo

ISSUER, VAULT = "https://issuer", "vault"
NOW = 1_700_000_000
POLICY = TokenPolicy((ISSUER,), (ISSUER,))
KEY = new_private_pem()


class Cluster:
    """Objects that tests put in and take away."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.hidden: dict[tuple[str, str, str], dict[str, Any]] = {}

    def add(self, plural: str, name: str, namespace: str = "n", **metadata: Any) -> dict[str, Any]:
        document = {"metadata": {"name": name, "uid": f"{name}-uid", **metadata}}
        if namespace:
            document["metadata"]["namespace"] = namespace
        self.objects[plural, namespace, name] = document
        return document

    def get(
        self, resource: GroupVersionResource, namespace: str, name: str
    ) -> dict[str, Any] | None:
        return self.objects.get((resource.resource, namespace, name))

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[dict[str, Any]]:
        return []

    async def refresh(self) -> None:
        self.objects |= self.hidden


class Hands(Clock):
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def time(self) -> float:
        return self.now


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster()
    cluster.add("serviceaccounts", "robot")
    return cluster


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def tokens(cluster: Cluster, clock: Hands) -> ServiceAccountTokens:
    return tokens_of(KeyRing(KEY), cluster, clock)


def tokens_of(keys: KeyRing, cluster: Cluster, clock: Clock) -> ServiceAccountTokens:
    return ServiceAccountTokens(keys, POLICY, cluster, cluster.refresh, clock)


def issued(
    tokens: ServiceAccountTokens,
    cluster: Cluster,
    bound: BoundObjects | None = None,
    audiences: tuple[str, ...] = (ISSUER,),
) -> str:
    account = cluster.objects["serviceaccounts", "n", "robot"]
    return tokens.issue(account, bound or BoundObjects(), TokenLifetime(NOW, 3600), audiences)


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, claims = (
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        for part in token.split(".")[:2]
    )
    return head, claims


async def test_a_token_says_whose_it_is_for_whom_and_how_long(
    tokens: ServiceAccountTokens, cluster: Cluster
) -> None:
    pod, node = cluster.add("pods", "p"), cluster.add("nodes", "w", "")
    head, claims = read(issued(tokens, cluster, BoundObjects(pod=pod, node=node)))
    key = tokens.keys.signing
    assert head == {"alg": "ES256", "kid": key.key_id}
    token_id = claims.pop("jti")
    assert claims == {
        "aud": [ISSUER],
        "exp": NOW + 3600,
        "iat": NOW,
        "iss": ISSUER,
        "nbf": NOW,
        "sub": "system:serviceaccount:n:robot",
        "kubernetes.io": {
            "namespace": "n",
            "node": {"name": "w", "uid": "w-uid"},
            "pod": {"name": "p", "uid": "p-uid"},
            "serviceaccount": {"name": "robot", "uid": "robot-uid"},
        },
    }
    user = await tokens.authenticate(issued(tokens, cluster, BoundObjects(pod=pod, node=node)))
    assert user is not None
    assert len(token_id) == 36


async def test_its_bearer_is_the_account(tokens: ServiceAccountTokens, cluster: Cluster) -> None:
    pod, node = cluster.add("pods", "p"), cluster.add("nodes", "w", "")
    token = issued(tokens, cluster, BoundObjects(pod=pod, node=node))
    token_id = read(token)[1]["jti"]
    prefix = "authentication.kubernetes.io/"
    assert await tokens.authenticate(token) == UserInfo(
        "system:serviceaccount:n:robot",
        uid="robot-uid",
        groups=("system:serviceaccounts", "system:serviceaccounts:n"),
        extra={
            f"{prefix}credential-id": (f"JTI={token_id}",),
            f"{prefix}node-name": ("w",),
            f"{prefix}node-uid": ("w-uid",),
            f"{prefix}pod-name": ("p",),
            f"{prefix}pod-uid": ("p-uid",),
        },
    )


@pytest.mark.parametrize("after", [-60, 0, 3600, 3660])
async def test_a_token_is_good_for_its_time_and_a_minute(
    tokens: ServiceAccountTokens, cluster: Cluster, clock: Hands, after: int
) -> None:
    clock.now = NOW + after
    assert await tokens.authenticate(issued(tokens, cluster)) is not None


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (-61, "service account token is not valid yet"),
        (3661, "service account token has expired"),
    ],
)
async def test_before_and_after_its_time_it_is_not(
    tokens: ServiceAccountTokens, cluster: Cluster, clock: Hands, after: int, why: str
) -> None:
    token = issued(tokens, cluster)
    clock.now = NOW + 1
    assert await tokens.authenticate(token) is not None
    clock.now = NOW + after
    with pytest.raises(BadCredential, match=f"^{why}$"):
        await tokens.authenticate(token)


async def test_a_token_ends_with_its_account(
    tokens: ServiceAccountTokens, cluster: Cluster
) -> None:
    token = issued(tokens, cluster)
    del cluster.objects["serviceaccounts", "n", "robot"]
    with pytest.raises(BadCredential, match=r'^serviceaccounts "robot" not found$'):
        await tokens.authenticate(token)
    cluster.add("serviceaccounts", "robot", uid="another")
    with pytest.raises(BadCredential, match="service account UID"):
        await tokens.authenticate(token)


@pytest.mark.parametrize(
    ("plural", "member", "namespace"),
    [("pods", "pod", "n"), ("secrets", "secret", "n"), ("nodes", "node", "")],
)
async def test_a_bound_token_ends_with_what_it_is_bound_to(
    tokens: ServiceAccountTokens, cluster: Cluster, plural: str, member: str, namespace: str
) -> None:
    document = cluster.add(plural, "x", namespace)
    token = issued(tokens, cluster, BoundObjects(**{member: document}))
    assert await tokens.authenticate(token) is not None
    cluster.add(plural, "x", namespace, uid="another")
    with pytest.raises(BadCredential, match=f"^{member} UID"):
        await tokens.authenticate(token)
    del cluster.objects[plural, namespace, "x"]
    with pytest.raises(BadCredential, match=r"^service account token has been invalidated$"):
        await tokens.authenticate(token)


async def test_what_is_being_deleted_keeps_its_tokens_for_a_minute(
    tokens: ServiceAccountTokens, cluster: Cluster, clock: Hands
) -> None:
    pod = cluster.add("pods", "p", deletionTimestamp=format_seconds(NOW))
    token = issued(tokens, cluster, BoundObjects(pod=pod))
    clock.now = NOW + 60
    assert await tokens.authenticate(token) is not None
    clock.now = NOW + 61
    with pytest.raises(BadCredential):
        await tokens.authenticate(token)


async def test_the_node_of_a_pod_may_go_before_it(
    tokens: ServiceAccountTokens, cluster: Cluster
) -> None:
    pod = cluster.add("pods", "p")
    token = issued(tokens, cluster, BoundObjects(pod=pod, node={"metadata": {"name": "gone"}}))
    user = await tokens.authenticate(token)
    assert user is not None
    assert user.extra["authentication.kubernetes.io/node-name"] == ("gone",)
    assert "authentication.kubernetes.io/node-uid" not in user.extra


async def test_what_is_not_seen_yet_is_looked_for_once_more(
    tokens: ServiceAccountTokens, cluster: Cluster
) -> None:
    token = issued(tokens, cluster)
    key = ("serviceaccounts", "n", "robot")
    cluster.hidden[key] = cluster.objects.pop(key)
    assert await tokens.authenticate(token) is not None


async def test_a_token_is_for_its_audiences_alone(
    tokens: ServiceAccountTokens, cluster: Cluster
) -> None:
    token = issued(tokens, cluster, audiences=(VAULT, "other"))
    with pytest.raises(BadCredential) as refusal:
        await tokens.authenticate(token)
    assert str(refusal.value) == (
        'token audiences ["vault" "other"] is invalid for the target audiences ["https://issuer"]'
    )
    found = await tokens.authenticate_for(token, ["x", VAULT])
    assert found is not None
    assert found[1] == [VAULT]


async def test_keys_may_be_exchanged_while_old_tokens_are_about(
    cluster: Cluster, clock: Hands
) -> None:
    old, new = KeyRing(KEY), KeyRing(new_private_pem(), [KEY])
    token = issued(tokens_of(old, cluster, clock), cluster)
    later = tokens_of(new, cluster, clock)
    assert await later.authenticate(token) is not None
    assert read(issued(later, cluster))[0]["kid"] == new.signing.key_id != old.signing.key_id


async def test_tokens_of_unknown_keys_are_refused(cluster: Cluster, clock: Hands) -> None:
    token = issued(tokens_of(KeyRing(new_private_pem()), cluster, clock), cluster)
    with pytest.raises(BadCredential, match=r"^invalid signature, no keys found$"):
        await tokens_of(KeyRing(KEY), cluster, clock).authenticate(token)


async def test_a_token_that_was_changed_is_refused(
    tokens: ServiceAccountTokens, cluster: Cluster
) -> None:
    head, claims, signature = issued(tokens, cluster).split(".")
    changed = {**read(f"{head}.{claims}")[1], "sub": "system:serviceaccount:n:other"}
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    with pytest.raises(BadCredential, match="cryptographic primitive"):
        await tokens.authenticate(f"{head}.{forged}.{signature}")


async def test_a_public_key_is_no_secret_to_sign_with(
    tokens: ServiceAccountTokens, cluster: Cluster
) -> None:
    claims = read(issued(tokens, cluster))[1]
    key_id = tokens.keys.signing.key_id
    forged = [
        jwt.encode(claims, "x" * 64, algorithm="HS256", headers={"kid": key_id}),
        jwt.encode(claims, "", algorithm="none", headers={"kid": key_id}),
    ]
    for token in forged:
        with pytest.raises(BadCredential):
            await tokens.authenticate(token)


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "e30.bnVsbA.x", "admin-token"]
)
async def test_what_is_no_token_of_the_issuer_is_left_to_others(
    tokens: ServiceAccountTokens, token: str
) -> None:
    assert await tokens.authenticate(token) is None


async def test_a_token_of_another_issuer_is_left_to_others(cluster: Cluster, clock: Hands) -> None:
    other = ServiceAccountTokens(
        KeyRing(KEY), TokenPolicy(("https://other",), (ISSUER,)), cluster, cluster.refresh, clock
    )
    token = issued(other, cluster)
    assert await tokens_of(KeyRing(KEY), cluster, clock).authenticate(token) is None


@pytest.mark.parametrize(
    "private",
    [
        None,
        {"namespace": 1},
        {"namespace": "n"},
        {"namespace": "n", "serviceaccount": {"name": 1}},
        {"namespace": "n", "serviceaccount": {"name": "robot", "uid": "u"}, "pod": "p"},
    ],
)
async def test_a_token_that_names_no_account_is_refused(
    tokens: ServiceAccountTokens, private: Any
) -> None:
    key = tokens.keys.signing
    claims = {"iss": ISSUER, "aud": [ISSUER], "kubernetes.io": private}
    token = jwt.encode(claims, key.private, key.algorithm, headers={"kid": key.key_id})
    with pytest.raises(BadCredential, match="could not be validated"):
        await tokens.authenticate(token)


async def test_the_token_of_a_secret_is_good_while_it_is_in_there(
    tokens: ServiceAccountTokens, cluster: Cluster
) -> None:
    prefix = "kubernetes.io/serviceaccount/"
    claims = {
        "iss": "kubernetes/serviceaccount",
        "sub": "system:serviceaccount:n:robot",
        f"{prefix}namespace": "n",
        f"{prefix}secret.name": "s",
        f"{prefix}service-account.name": "robot",
        f"{prefix}service-account.uid": "robot-uid",
    }
    key = tokens.keys.signing
    token = jwt.encode(claims, key.private, key.algorithm, headers={"kid": key.key_id})
    with pytest.raises(BadCredential, match="invalidated"):
        await tokens.authenticate(token)
    secret = cluster.add("secrets", "s")
    secret["data"] = {"token": base64.b64encode(token.encode()).decode()}
    user = await tokens.authenticate(token)
    assert user is not None
    assert (user.name, user.extra) == ("system:serviceaccount:n:robot", {})
    secret["data"] = {"token": base64.b64encode(b"another").decode()}
    with pytest.raises(BadCredential, match=r"^token does not match server's copy$"):
        await tokens.authenticate(token)


async def test_only_so_many_tokens_are_remembered(
    tokens: ServiceAccountTokens, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apiserver.access.serviceaccounts.tokens._MAX_CACHED", 2)
    for _ in range(4):
        assert await tokens.authenticate(issued(tokens, cluster)) is not None
    assert len(tokens._known) == 2


@pytest.mark.parametrize("deep", [0, 1], ids=["header", "claims"])
async def test_what_is_nested_too_deeply_is_no_token(
    tokens: ServiceAccountTokens, deep: int
) -> None:
    parts = [json.dumps({"alg": "RS256"}), json.dumps({"iss": ISSUER})]
    parts[deep] = '{"iss": "' + ISSUER + '", "x": ' + "[" * 1000 + "]" * 1000 + "}"
    encoded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
    assert await tokens.authenticate(".".join([*encoded, "x"])) is None
