"""SelfSubjectReviews and access reviews."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.conftest import Api

AUTHENTICATION = "/apis/authentication.k8s.io/v1"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
GET_PODS = {"verb": "get", "resource": "pods"}


def review(kind: str, group: str = "authorization.k8s.io", **members: Any) -> dict[str, Any]:
    return {"apiVersion": f"{group}/v1", "kind": kind, **members}


async def test_who_asks_is_told_who_that_is(api: Api) -> None:
    document = review("SelfSubjectReview", "authentication.k8s.io")
    answer = await api.post(f"{AUTHENTICATION}/selfsubjectreviews", document)
    assert answer.status == 201
    user = answer.json["status"]["userInfo"]
    assert user["username"] == "admin"
    assert user["groups"] == ["system:masters", "system:authenticated"]
    assert list(answer.json["metadata"]) == ["creationTimestamp"]


ANYONE = "system:authenticated"


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"user": "ann", "groups": ["system:masters"], "resourceAttributes": GET_PODS}, True),
        ({"user": "ann", "resourceAttributes": GET_PODS}, False),
        ({"groups": [ANYONE], "nonResourceAttributes": {"path": "/version", "verb": "get"}}, True),
        # No group is added to those of the review.
        ({"groups": ["x"], "nonResourceAttributes": {"path": "/version", "verb": "get"}}, False),
        ({"groups": ["x"], "nonResourceAttributes": {"path": "/metrics", "verb": "get"}}, False),
    ],
)
async def test_a_review_tells_what_would_be_decided(
    api: Api, spec: dict[str, Any], allowed: bool
) -> None:
    document = review("SubjectAccessReview", spec=spec)
    answer = await api.post(f"{AUTHORIZATION}/subjectaccessreviews", document)
    assert answer.status == 201
    assert answer.json["spec"] == spec
    assert answer.json["status"]["allowed"] is allowed
    assert "uid" not in answer.json["metadata"]


INVALID = [
    ({}, ["spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or "
          "resourceAttributes must be specified",
          'spec.user: Invalid value: "": at least one of user or group must be specified']),
    ({"user": "a", "resourceAttributes": GET_PODS, "nonResourceAttributes": {"path": "/x"}},
     ['spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: cannot be specified in '
      "combination with resourceAttributes"]),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "errors"), INVALID)
async def test_a_review_of_nothing_is_refused(
    api: Api, spec: dict[str, Any], errors: list[str]
) -> None:
    document = review("SubjectAccessReview", spec=spec)
    answer = await api.post(f"{AUTHORIZATION}/subjectaccessreviews", document)
    shown = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
    assert answer.status == 422
    assert answer.json["message"] == f'.authorization.k8s.io "" is invalid: {shown}'


async def test_a_review_is_about_nobody_in_particular(api: Api) -> None:
    document = review(
        "SelfSubjectAccessReview", metadata={"name": "x"}, spec={"resourceAttributes": GET_PODS}
    )
    answer = await api.post(f"{AUTHORIZATION}/selfsubjectaccessreviews", document)
    assert answer.status == 422
    assert answer.json["details"]["causes"][0]["field"] == "metadata"


async def test_a_local_review_stays_in_its_namespace(api: Api, namespace: str) -> None:
    path = f"{AUTHORIZATION}/namespaces/{namespace}/localsubjectaccessreviews"

    async def ask(**spec: Any) -> Any:
        document = review("LocalSubjectAccessReview", spec={"user": "ann", **spec})
        return await api.post(path, document)

    answer = await ask(resourceAttributes={**GET_PODS, "namespace": namespace})
    assert (answer.status, answer.json["status"]) == (201, {"allowed": False})
    elsewhere = await ask(resourceAttributes={**GET_PODS, "namespace": "elsewhere"})
    assert 'Invalid value: "elsewhere": must match metadata.namespace' in elsewhere.json["message"]
    nowhere = await ask(nonResourceAttributes={"path": "/x", "verb": "get"})
    assert "disallowed on this kind of request" in nowhere.json["message"]


async def test_all_that_one_may_do_is_told(api: Api, namespace: str) -> None:
    path = f"{AUTHORIZATION}/selfsubjectrulesreviews"
    answer = await api.post(path, review("SelfSubjectRulesReview", spec={"namespace": namespace}))
    status = answer.json["status"]
    assert (answer.status, status["incomplete"]) == (201, False)
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    assert everything in status["resourceRules"]
    assert {"verbs": ["*"], "nonResourceURLs": ["*"]} in status["nonResourceRules"]
    refused = await api.post(path, review("SelfSubjectRulesReview", spec={}))
    assert (refused.status, refused.json["message"]) == (400, "no namespace on request")


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (
            "viewer-token",
            {
                "authenticated": True,
                "user": {
                    "username": "viewer",
                    "uid": "viewer-uid",
                    "groups": ["viewers", "system:authenticated"],
                },
            },
        ),
        ("nonsense", {"user": {}, "error": "invalid bearer token"}),
    ],
)
async def test_somebody_elses_token_is_reviewed(
    api: Api, token: str, status: dict[str, Any]
) -> None:
    document = review("TokenReview", "authentication.k8s.io", spec={"token": token})
    answer = await api.post(f"{AUTHENTICATION}/tokenreviews", document)
    assert answer.status == 201
    found = answer.json["status"]
    found.pop("audiences", None)
    assert found == status


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize(
    "path", [f"{AUTHORIZATION}/subjectaccessreviews", f"{AUTHENTICATION}/tokenreviews"]
)
async def test_reviews_are_not_kept(api: Api, method: str, path: str) -> None:
    assert (await api.send(method, path)).status == 405
    assert (await api.send(method, f"{path}/one")).status == 404
