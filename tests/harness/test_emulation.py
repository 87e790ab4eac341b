"""A server that emulates an earlier version, as its clients find it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.builtin.kinds import builtin_catalog, builtin_kind, served_catalog
from apiserver.testing import ApiServer, RequestRefused
from tests.definitions import crd

POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "p"},
    "spec": {
        "resources": {"requests": {"cpu": "1"}},
        "containers": [{"name": "c", "image": "i", "restartPolicyRules": [{"action": "Restart"}]}],
    },
}
JOB = {
    "kind": "Job",
    "apiVersion": "batch/v1",
    "metadata": {"name": "j"},
    "spec": {
        "template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
        }
    },
}
PODS = "/api/v1/namespaces/default/pods"
JOBS = "/apis/batch/v1/namespaces/default/jobs"


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with ApiServer("--emulated-version=1.27", "--disable-admission-plugins=ServiceAccount") as it:
        yield it


def test_version_tells_both_versions(server: ApiServer) -> None:
    found = server.request("GET", "/version")
    assert (found["minor"], found["emulationMinor"]) == ("36", "27")


def test_discovery_lists_what_that_version_serves(server: ApiServer) -> None:
    groups = {group["name"] for group in server.request("GET", "/apis")["groups"]}
    assert "batch" in groups
    assert not groups & {"resource.k8s.io", "flowcontrol.apiserver.k8s.io"}
    networking = server.request("GET", "/apis/networking.k8s.io/v1")["resources"]
    assert {each["name"].partition("/")[0] for each in networking} == {
        "ingressclasses", "ingresses", "networkpolicies",
    }  # fmt: skip
    core = {each["name"] for each in server.request("GET", "/api/v1")["resources"]}
    assert "pods/ephemeralcontainers" in core
    assert "pods/resize" not in core


@pytest.mark.parametrize(
    "path",
    [
        "/apis/networking.k8s.io/v1/servicecidrs",
        "/apis/resource.k8s.io/v1/deviceclasses",
        f"{PODS}/p/resize",
    ],
)
def test_what_it_does_not_serve_is_not_found(server: ApiServer, path: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        server.request("GET", path)
    assert refused.value.code == 404


def test_apiservices_are_those_of_that_version(server: ApiServer) -> None:
    found = server.request("GET", "/apis/apiregistration.k8s.io/v1/apiservices")["items"]
    names = {each["metadata"]["name"] for each in found}
    assert "v1.batch" in names
    assert "v1.resource.k8s.io" not in names


def test_openapi_has_the_members_of_that_version(server: ApiServer) -> None:
    schemas = server.request("GET", "/openapi/v3/api/v1")["components"]["schemas"]
    spec = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]
    assert "schedulingGates" in spec
    assert "resources" not in spec
    definitions = server.request("GET", "/openapi/v2")["definitions"]
    assert "io.k8s.api.batch.v1.Job" in definitions
    assert "io.k8s.api.networking.v1.ServiceCIDR" not in definitions


def test_members_that_it_does_not_know_are_dropped_or_refused(server: ApiServer) -> None:
    created = server.request("POST", f"{PODS}?fieldValidation=Ignore", POD)
    assert "resources" not in created["spec"]
    assert "restartPolicyRules" not in created["spec"]["containers"][0]
    with pytest.raises(RequestRefused) as refused:
        server.request("POST", f"{PODS}?fieldValidation=Strict", POD)
    assert refused.value.code == 400
    assert refused.value.status["message"].endswith(
        'strict decoding error: unknown field "spec.resources", '
        'unknown field "spec.containers[0].restartPolicyRules"'
    )
    with pytest.raises(RequestRefused, match=r"spec\.resources: field not declared in schema"):
        server.request("PATCH", f"{PODS}/p?fieldManager=a", POD, "application/apply-patch+yaml")


def test_defaults_set_no_members_that_it_does_not_know(server: ApiServer) -> None:
    created = server.request("POST", JOBS, JOB)
    assert created["spec"]["backoffLimit"] == 6
    assert "podReplacementPolicy" not in created["spec"]


def test_services_get_their_addresses_all_the_same(server: ApiServer) -> None:
    service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    created = server.request("POST", "/api/v1/namespaces/default/services", service)
    assert created["spec"]["clusterIP"].startswith("10.0.0.")


def test_it_has_no_rules_about_members_that_it_does_not_know(server: ApiServer) -> None:
    services = "/api/v1/namespaces/default/services"
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    server.request("POST", services, {"metadata": {"name": "balanced"}, "spec": spec})
    ingress = [{"ip": "192.0.2.1"}]
    status = {"status": {"loadBalancer": {"ingress": ingress}}}
    written = server.request("PATCH", f"{services}/balanced/status", status)
    # Today a default sets ipMode, which is required.
    assert written["status"]["loadBalancer"]["ingress"] == ingress
    wrong = {"status": {"loadBalancer": {"ingress": [{"ip": "nowhere"}]}}}
    with pytest.raises(RequestRefused, match="must be a valid IP address"):
        server.request("PATCH", f"{services}/balanced/status", wrong)


def test_nothing_else_sets_such_members(server: ApiServer) -> None:
    volume = {
        "metadata": {"name": "v"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/v"},
        },
    }
    made = server.request("POST", "/api/v1/persistentvolumes", volume)
    assert "lastPhaseTransitionTime" not in made["status"]


def test_custom_kinds_are_served_in_any_version(server: ApiServer) -> None:
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    definition = crd("example.com", "widgets", "Widget", scope="Cluster")
    server.request("POST", crds, definition)
    server.wait_for(lambda: "example.com" in str(server.request("GET", "/apis")))
    assert server.request("GET", "/apis/example.com/v1/widgets")["items"] == []
    server.request("DELETE", f"{crds}/widgets.example.com")
    server.wait_for(lambda: "example.com" not in str(server.request("GET", "/apis")))


@pytest.mark.parametrize(
    ("minor", "new"),
    [
        ("28", ["authentication.k8s.io/v1 selfsubjectreviews"]),
        ("31", []),
        ("29", ["flowcontrol.apiserver.k8s.io/v1 flowschemas"]),
        ("30", ["admissionregistration.k8s.io/v1 validatingadmissionpolicies"]),
        ("33", ["networking.k8s.io/v1 ipaddresses", "networking.k8s.io/v1 servicecidrs"]),
        ("34", ["resource.k8s.io/v1 deviceclasses", "storage.k8s.io/v1 volumeattributesclasses"]),
        ("36", ["admissionregistration.k8s.io/v1 mutatingadmissionpolicies"]),
    ],
)
def test_every_minor_version_adds_resources(minor: str, new: list[str]) -> None:
    before, after = _served(str(int(minor) - 1)), _served(minor)
    assert before <= after
    assert set(new) <= after - before
    assert bool(new) == (before != after)


@pytest.mark.parametrize(("minor", "warns"), [("32", False), ("33", True)])
def test_what_was_deprecated_later_is_no_reason_to_warn(minor: str, warns: bool) -> None:
    (endpoints,) = [each for each in builtin_definitions(minor) if each.resource == "endpoints"]
    assert bool(builtin_kind(endpoints, minor).strategy.deprecation) is warns


def _served(minor: str) -> set[str]:
    return {
        f"{each.group}/{each.version} {each.resource}"
        for each in served_catalog(builtin_catalog(minor), minor).definitions()
    }
