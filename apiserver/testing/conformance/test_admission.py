"""Policies and built-in plugins validate and change writes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from apiserver.testing.conformance.conformance_client import Api
from apiserver.testing.conformance.sample_objects import config_map

GROUP = "/apis/admissionregistration.k8s.io/v1"
POLICIES, BINDINGS = "validatingadmissionpolicies", "validatingadmissionpolicybindings"


@pytest.fixture
def policy(api: Api, namespace: str) -> Iterator[str]:
    """Return the name of a policy for the new namespace, where no ConfigMap may be called bad."""
    served = {each["name"] for each in api.read(GROUP)["resources"]}
    if POLICIES not in served:
        pytest.skip("no ValidatingAdmissionPolicy is served")
    name = f"conformance-{uuid.uuid4().hex[:8]}"
    rule = {
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
        "resources": ["configmaps"],
    }  # fmt: skip
    spec: dict[str, Any] = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "object.metadata.name != 'bad'", "message": "it is bad"}],
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": selector},
    }
    api.make(f"{GROUP}/{POLICIES}", {"metadata": {"name": name}, "spec": spec})
    api.make(f"{GROUP}/{BINDINGS}", {"metadata": {"name": name}, "spec": binding})
    yield name
    for resource in (BINDINGS, POLICIES):
        api.send("DELETE", f"{GROUP}/{resource}/{name}")


def test_a_policy_denies(api: Api, policy: str, configmaps: str) -> None:
    bad = config_map("bad")
    refused = api.wait_for(
        lambda: (found := api.send("POST", f"{configmaps}?dryRun=All", bad)).status == 422 and found
    )
    assert refused.json["reason"] == "Invalid"
    assert "it is bad" in refused.json["message"]
    assert policy in refused.json["message"]
    api.make(configmaps, config_map("good"))


def test_limits_set_defaults_and_are_kept(api: Api, namespace: str) -> None:
    limit = {"type": "Container", "default": {"cpu": "1"}, "max": {"cpu": "2"}}
    path = f"/api/v1/namespaces/{namespace}"
    api.make(f"{path}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": [limit]}})
    container: dict[str, Any] = {"name": "c", "image": "i"}
    # No scheduler takes it, and no account is needed for it.
    spec = {
        "containers": [container], "schedulerName": "none", "automountServiceAccountToken": False,
    }  # fmt: skip
    pod = {"metadata": {"name": "p"}, "spec": spec}
    # It is there already if a controller makes it.
    api.send("POST", f"{path}/serviceaccounts", {"metadata": {"name": "default"}})
    made = api.wait_for(
        lambda: _has_limits(found := api.send("POST", f"{path}/pods?dryRun=All", pod)) and found
    )
    assert made.json["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1"}
    container["resources"] = {"limits": {"cpu": "3"}}
    refused = api.send("POST", f"{path}/pods", pod)
    assert (refused.status, refused.json["reason"]) == (403, "Forbidden")


def _has_limits(answer: Any) -> bool:
    assert answer.status in (201, 403), answer.body
    if answer.status == 403:
        return False
    return "limits" in answer.json["spec"]["containers"][0]["resources"]


def test_namespaces_of_the_system_remain(api: Api) -> None:
    for name in ("default", "kube-system", "kube-public"):
        refused = api.send("DELETE", f"/api/v1/namespaces/{name}?dryRun=All")
        assert (refused.status, refused.json["reason"]) == (403, "Forbidden")
