"""Tokens of ServiceAccounts: requested, used, bound and invalidated."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.wire.conftest import Answer, Api

KIND = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def create(api: Api, namespace: str, plural: str, name: str, **members: Any) -> Answer:
    kinds = {"serviceaccounts": "ServiceAccount", "secrets": "Secret", "pods": "Pod"}
    document = {"apiVersion": "v1", "kind": kinds[plural], "metadata": {"name": name}, **members}
    answer = await api.post(f"/api/v1/namespaces/{namespace}/{plural}", document)
    assert answer.status == 201, answer.text
    return answer


@pytest.fixture
async def account(api: Api, namespace: str) -> str:
    """The path of an account called robot."""
    await create(api, namespace, "serviceaccounts", "robot")
    return f"/api/v1/namespaces/{namespace}/serviceaccounts/robot"


async def request(api: Api, account: str, **spec: Any) -> Answer:
    return await api.post(f"{account}/token", {**KIND, "spec": spec})


async def uses(api: Api, token: str) -> int:
    """Return how a request with a token is answered: 403 for who is known, 401 for who is not."""
    answer = await api.get("/api/v1/nodes", Authorization=f"Bearer {token}")
    return answer.status


async def test_a_token_is_of_its_account_and_for_the_api(
    api: Api, namespace: str, account: str
) -> None:
    answer = await request(api, account)
    assert answer.status == 201
    document = answer.json
    known = (await api.get(account)).json["metadata"]
    for member in ("name", "namespace", "uid"):
        assert document["metadata"][member] == known[member]
    spec = document["spec"]
    assert (spec["expirationSeconds"], spec["boundObjectRef"]) == (3600, None)
    claims = claims_of(document["status"]["token"])
    assert claims["aud"] == spec["audiences"] == [claims["iss"]]
    assert claims["sub"] == f"system:serviceaccount:{namespace}:robot"
    assert claims["exp"] - claims["iat"] == 3600
    headers = {"Authorization": f"Bearer {document['status']['token']}"}
    refused = await api.send("GET", "/api/v1/nodes", headers=headers)
    assert refused.json["message"].startswith(
        f'nodes is forbidden: User "system:serviceaccount:{namespace}:robot" cannot list'
    )


async def test_a_token_ends_with_its_account(api: Api, account: str) -> None:
    token = (await request(api, account)).json["status"]["token"]
    assert await uses(api, token) == 403
    await api.send("DELETE", account)
    assert await uses(api, token) == 401


async def test_a_token_for_others_is_none_for_the_api(api: Api, account: str) -> None:
    token = (await request(api, account, audiences=["vault"])).json["status"]["token"]
    assert await uses(api, token) == 401


async def test_a_token_ends_with_the_secret_that_it_is_bound_to(
    api: Api, namespace: str, account: str
) -> None:
    made = await create(api, namespace, "secrets", "s")
    reference = {"apiVersion": "v1", "kind": "Secret", "name": "s"}
    token = (await request(api, account, boundObjectRef=reference)).json["status"]["token"]
    uid = made.json["metadata"]["uid"]
    assert claims_of(token)["kubernetes.io"]["secret"] == {"name": "s", "uid": uid}
    assert await uses(api, token) == 403
    await api.send("DELETE", f"/api/v1/namespaces/{namespace}/secrets/s")
    assert await uses(api, token) == 401


async def test_a_token_of_a_pod_knows_its_node_and_lives_on(
    api: Api, namespace: str, account: str
) -> None:
    spec = {
        "serviceAccountName": "robot",
        "nodeName": "nowhere",
        "containers": [{"name": "c", "image": "i"}],
    }
    await create(api, namespace, "pods", "p", spec=spec)
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p"}
    answer = await request(api, account, boundObjectRef=reference, expirationSeconds=3607)
    assert answer.status == 201, answer.text
    claims = claims_of(answer.json["status"]["token"])
    private = claims["kubernetes.io"]
    assert (private["pod"]["name"], private["node"]) == ("p", {"name": "nowhere"})
    # The client is told of an hour; programs that never look again have a year.
    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600
    assert private["warnafter"] - claims["iat"] == 3607


BAD = [
    (
        {"spec": {"expirationSeconds": 10}},
        422,
        'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: '
        "10: may not specify a duration less than 10 minutes",
    ),
    (
        {"spec": {"expirationSeconds": (1 << 32) + 1}},
        422,
        'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: '
        "4294967297: may not specify a duration larger than 2^32 seconds",
    ),
    (
        {"metadata": {"name": "other"}, "spec": {}},
        422,
        'TokenRequest.authentication.k8s.io "robot" is invalid: metadata.name: Invalid value: '
        '"other": must match the service account name if specified',
    ),
    (
        {"metadata": {"uid": "other"}, "spec": {}},
        409,
        'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "robot": '
        "the UID in the token request (other) does not match the UID of the service account (",
    ),
    (
        {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "x"}}},
        400,
        "cannot bind token to object of type /v1, Kind=ConfigMap",
    ),
    ({"spec": {"boundObjectRef": {}}}, 400, "cannot bind token to object of type /, Kind="),
    (
        {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Node", "name": "x"}}},
        404,
        'nodes "x" not found',
    ),
]


@pytest.mark.parametrize(("members", "status", "message"), BAD)
async def test_a_request_that_cannot_be_met_is_refused(
    api: Api, account: str, members: dict[str, Any], status: int, message: str
) -> None:
    answer = await api.post(f"{account}/token", {**KIND, **members})
    assert answer.status == status
    assert answer.json["message"].startswith(message)


async def test_a_token_is_not_bound_to_somebody_elses_pod(
    api: Api, namespace: str, account: str
) -> None:
    spec = {"serviceAccountName": "other", "containers": [{"name": "c", "image": "i"}]}
    await create(api, namespace, "serviceaccounts", "other")
    await create(api, namespace, "pods", "p", spec=spec)
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p"}
    answer = await request(api, account, boundObjectRef=reference)
    assert (answer.status, answer.json["message"]) == (
        400,
        'cannot bind token for serviceaccount "robot" to pod running with different '
        "serviceaccount name.",
    )


async def test_a_token_is_not_bound_to_what_has_taken_a_name(
    api: Api, namespace: str, account: str
) -> None:
    await create(api, namespace, "secrets", "s")
    reference = {"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": "another"}
    answer = await request(api, account, boundObjectRef=reference)
    assert answer.status == 409
    assert answer.json["message"].startswith(
        'Operation cannot be fulfilled on Secret "s": the UID in the bound object reference'
    )


async def test_others_find_the_keys_of_the_issuer(api: Api, account: str) -> None:
    token = (await request(api, account)).json["status"]["token"]
    configuration = await api.get("/.well-known/openid-configuration")
    assert configuration.headers["Content-Type"] == "application/json"
    assert configuration.headers["Cache-Control"] == "public, max-age=3600"
    assert configuration.json["issuer"] == claims_of(token)["iss"]
    assert configuration.json["jwks_uri"].endswith("/openid/v1/jwks")
    keys = await api.get("/openid/v1/jwks")
    assert keys.headers["Content-Type"] == "application/jwk-set+json"
    head = token.split(".")[0]
    key_id = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
    assert key_id in [key["kid"] for key in keys.json["keys"]]


async def test_a_token_is_reviewed_for_whom_it_is_meant(
    api: Api, namespace: str, account: str
) -> None:
    token = (await request(api, account, audiences=["vault"])).json["status"]["token"]
    path = "/apis/authentication.k8s.io/v1/tokenreviews"

    async def review(*audiences: str) -> dict[str, Any]:
        spec = {"token": token, **({"audiences": list(audiences)} if audiences else {})}
        kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
        answer = await api.post(path, {**kind, "spec": spec})
        assert answer.status == 201
        return answer.json["status"]

    status = await review("vault", "other")
    assert (status["authenticated"], status["audiences"]) == (True, ["vault"])
    assert status["user"]["username"] == f"system:serviceaccount:{namespace}:robot"
    status = await review()
    assert "authenticated" not in status
    assert status["error"].startswith('[invalid bearer token, token audiences ["vault"] is')
