"""Users have the rights of their roles; administrators impersonate others."""

from __future__ import annotations

import pytest

from apiserver.testing.conformance.conformance_client import Api, connect
from apiserver.testing.conformance.sample_objects import config_map

USER = "conformance-user"
ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces"


@pytest.fixture
def user(api: Api) -> Api:
    """Return a user whom the administrator acts as."""
    return api.impersonating(USER)


def test_without_roles_nothing_is_allowed(user: Api, configmaps: str) -> None:
    refused = user.get(configmaps)
    if refused.status == 200:
        pytest.skip("everything is allowed to everyone")
    assert (refused.status, refused.json["reason"]) == (403, "Forbidden")
    assert f'User "{USER}" cannot list resource "configmaps"' in refused.json["message"]


def test_roles_allow(api: Api, user: Api, namespace: str, configmaps: str) -> None:
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}
    path = f"{ROLES}/{namespace}"
    api.make(f"{path}/roles", {"metadata": {"name": "reader"}, "rules": [rule]})
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "reader"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": USER}],
    }
    api.make(f"{path}/rolebindings", binding)
    user.wait_for(lambda: user.get(configmaps).status == 200)
    if user.send("POST", configmaps, config_map("a")).status == 201:
        pytest.skip("everything is allowed to everyone")
    assert user.get(f"/api/v1/namespaces/{namespace}/secrets").status == 403
    grant = {"metadata": {"name": "more"}, "rules": [rule | {"verbs": ["*"]}]}
    assert user.send("POST", f"{path}/roles", grant).status == 403


def test_access_is_reviewed(api: Api, namespace: str) -> None:
    attributes = {"namespace": namespace, "verb": "list", "resource": "configmaps"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    review = {"spec": {"resourceAttributes": attributes}}
    assert api.make(path, review)["status"]["allowed"] is True


def test_credentials_must_be_valid(api: Api, configmaps: str) -> None:
    if api.url.startswith("http://"):
        pytest.skip("without TLS there may be no credentials")
    # Without the administrator's client certificate, which would be accepted.
    stranger = connect(api.url, "no-such-token", "")
    assert stranger.get(configmaps).status == 401
