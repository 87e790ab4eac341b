"""kubectl auth: can-i, whoami and reconcile."""

from __future__ import annotations

import time

import pytest

from tests.clients.conftest import ON_SQLITE, Kubectl
from tests.waiting import PATIENCE

pytestmark = ON_SQLITE

ROLES = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
- {apiGroups: [""], resources: [pods, pods/log], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: jane}
"""


def until(kubectl: Kubectl, answer: str, *question: str) -> None:
    """Ask until the answer is the expected one: a binding may take a moment."""
    deadline = time.monotonic() + PATIENCE
    while kubectl.run("auth", "can-i", *question).stdout.strip() != answer:
        assert time.monotonic() < deadline


@pytest.fixture
def granted(kubectl: Kubectl) -> Kubectl:
    """kubectl, where jane may read Pods."""
    kubectl("create", "-f", "-", stdin=ROLES)
    until(kubectl, "yes", "get", "pods", "--as=jane")
    return kubectl


def test_can_i_answers_for_oneself_and_for_others(granted: Kubectl) -> None:
    assert granted("auth", "can-i", "*", "*").strip() == "yes"
    for question, answer in (
        (("list", "pods"), "yes"),
        (("get", "pods/log"), "yes"),
        (("get", "pods", "--subresource=log"), "yes"),
        (("delete", "pods"), "no"),
        (("list", "pods", "--all-namespaces"), "no"),
        (("get", "/healthz"), "yes"),
        (("get", "/metrics"), "no"),
        (("create", "selfsubjectaccessreviews.authorization.k8s.io"), "yes"),
    ):
        done = granted.run("auth", "can-i", *question, "--as=jane")
        assert (done.stdout.strip(), done.returncode) == (answer, int(answer == "no")), question


def test_can_i_lists_the_rules(granted: Kubectl) -> None:
    listed = granted("auth", "can-i", "--list", "--as=jane")
    assert any(line.split()[0] == "pods/log" for line in listed.splitlines())
    assert "[/api/*]" in listed
    assert "*.*" in granted("auth", "can-i", "--list")


def test_whoami_tells_who_one_acts_as(kubectl: Kubectl) -> None:
    found = kubectl.json(
        "auth", "whoami", "--as=jane", "--as-group=devs", "--as-uid=u1",
        "--as-user-extra=scopes=view",
    )  # fmt: skip
    assert found["status"]["userInfo"] == {
        "username": "jane",
        "uid": "u1",
        "groups": ["devs", "system:authenticated"],
        "extra": {"scopes": ["view"]},
    }


def test_who_acts_as_another_has_the_rights_of_that_one(granted: Kubectl) -> None:
    assert granted("get", "pods", "--as=jane", "-o", "name") == ""
    refused = granted.refused("get", "configmaps", "--as=jane")
    assert 'User "jane" cannot list resource "configmaps" in API group ""' in refused
    account = f"system:serviceaccount:{granted.namespace}:default"
    assert f'User "{account}" cannot list' in granted.refused("get", "pods", f"--as={account}")


def test_reconcile_adds_what_is_missing(granted: Kubectl) -> None:
    # It takes no namespace but that in the file.
    named = ROLES.replace("{name: reader}", f"{{name: reader, namespace: {granted.namespace}}}")
    wanted = named.replace("[get, list]", "[get, list, watch]").replace("jane", "ann")
    granted("auth", "reconcile", "-f", "-", stdin=wanted)
    until(granted, "yes", "watch", "pods", "--as=ann")
    until(granted, "yes", "watch", "pods", "--as=jane")
    found = granted.stored("rolebinding", "reader")
    assert [subject["name"] for subject in found["subjects"]] == ["jane", "ann"]
    granted("auth", "reconcile", "--remove-extra-subjects", "-f", "-", stdin=wanted)
    until(granted, "no", "watch", "pods", "--as=jane")
    # Another role means another binding.
    other = wanted.replace("kind: Role, name: reader", "kind: ClusterRole, name: view")
    before = found["metadata"]["uid"]
    granted("auth", "reconcile", "-f", "-", stdin=other)
    rebound = granted.stored("rolebinding", "reader")
    assert rebound["metadata"]["uid"] != before
    assert rebound["roleRef"]["name"] == "view"


def test_roles_and_bindings_are_made_by_name(kubectl: Kubectl) -> None:
    kubectl("create", "role", "editor", "--verb=*", "--resource=configmaps")
    kubectl("create", "rolebinding", "editors", "--role=editor", "--group=devs")
    until(kubectl, "yes", "delete", "configmaps", "--as=ann", "--as-group=devs")
    until(kubectl, "no", "delete", "secrets", "--as=ann", "--as-group=devs")
    described = kubectl("describe", "role", "editor")
    assert "configmaps" in described
