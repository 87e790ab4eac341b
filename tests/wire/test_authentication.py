"""Credentials and rights: 401, 403, and what anonymous users may read."""

from __future__ import annotations

import pytest

from tests.wire.conftest import Api

UNAUTHORIZED = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "Unauthorized",
    "reason": "Unauthorized",
    "code": 401,
}


@pytest.mark.parametrize(
    "path", ["/api/v1/namespaces", "/version", "/readyz", "/no/such/path", "/apis/nope/v1/things"]
)
async def test_a_token_that_nobody_knows_is_refused_everywhere(api: Api, path: str) -> None:
    answer = await api.get(path, Authorization="Bearer nonsense")
    assert (answer.status, answer.json) == (401, UNAUTHORIZED)
    assert answer.headers["Content-Type"] == "application/json"
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("authorization", [None, "Basic YWRtaW46YWRtaW4=", "Bearer", "Bearer "])
async def test_without_a_credential_that_counts_one_is_anonymous(
    api: Api, authorization: str | None
) -> None:
    answer = await api.get("/api/v1/nodes", Authorization=authorization)
    assert answer.status == 403
    assert answer.json["message"] == (
        'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" '
        'in API group "" at the cluster scope'
    )


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/version", "/readyz?verbose"])
async def test_everybody_may_ask_whether_the_server_is_well(api: Api, path: str) -> None:
    assert (await api.get(path, Authorization=None)).status == 200


@pytest.mark.parametrize("path", ["/metrics", "/api", "/apis", "/openapi/v3", "/readyz/ping"])
async def test_the_rest_is_not_for_everybody(api: Api, path: str) -> None:
    answer = await api.get(path, Authorization=None)
    assert answer.status == 403
    assert answer.json["details"] == {}
    assert answer.json["message"] == (
        f'forbidden: User "system:anonymous" cannot get path "{path}"'
    )


@pytest.mark.parametrize(
    ("method", "path", "message", "details"),
    [
        (
            "GET",
            "/apis/apps/v1/namespaces/n/deployments/d/scale",
            'deployments.apps "d" is forbidden: User "viewer" cannot get resource '
            '"deployments/scale" in API group "apps" in the namespace "n"',
            {"name": "d", "group": "apps", "kind": "deployments"},
        ),
        (
            "GET",
            "/api/v1/namespaces/n/pods?watch=1",
            'pods is forbidden: User "viewer" cannot watch resource "pods" in API group "" '
            'in the namespace "n"',
            {"kind": "pods"},
        ),
        (
            "GET",
            "/api/v1/namespaces/n/pods?fieldSelector=metadata.name%3Dp",
            'pods "p" is forbidden: User "viewer" cannot list resource "pods" in API group "" '
            'in the namespace "n"',
            {"name": "p", "kind": "pods"},
        ),
        (
            "DELETE",
            "/api/v1/namespaces/n/pods",
            'pods is forbidden: User "viewer" cannot deletecollection resource "pods" '
            'in API group "" in the namespace "n"',
            {"kind": "pods"},
        ),
        (
            "PUT",
            "/api/v1/namespaces/n/finalize",
            'namespaces "n" is forbidden: User "viewer" cannot update resource '
            '"namespaces/finalize" in API group "" in the namespace "n"',
            {"name": "n", "kind": "namespaces"},
        ),
    ],
)
async def test_a_refusal_names_what_was_asked_for(
    api: Api, method: str, path: str, message: str, details: dict[str, str]
) -> None:
    answer = await api.send(method, path, headers={"Authorization": "Bearer viewer-token"})
    assert (answer.status, answer.json["reason"]) == (403, "Forbidden")
    assert answer.json["message"] == message
    assert answer.json["details"] == details
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_space_too_many_before_the_token_is_warned_of(api: Api) -> None:
    answer = await api.get("/version", Authorization="Bearer  admin-token")
    assert answer.status == 200
    assert answer.headers["Warning"] == (
        '299 - "the provided Authorization header contains extra space before the bearer token, '
        'and is ignored"'
    )
