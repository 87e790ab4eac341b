"""A session with real kubectl on every durable store, and its state after a restart."""

from __future__ import annotations

import json

import pytest

from tests.clients.conftest import ON_ETCD, ON_SQLITE, Kubectl
from tests.server_process import ServerProcess

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.27", ports: [{containerPort: 80}]}]}
"""
KINDS = {
    "pod": """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: busybox}]}
""",
    "service": """
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {selector: {app: web}, ports: [{port: 80}]}
""",
    "job": """
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}}}
""",
    "role": """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
""",
    "lease": """
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: l}
spec: {holderIdentity: me, leaseDurationSeconds: 15}
""",
}


@ON_SQLITE
def test_a_first_look_around(kubectl: Kubectl) -> None:
    namespaces = kubectl("get", "namespaces", "-o", "name").split()
    for name in ("default", "kube-node-lease", "kube-public", "kube-system"):
        assert f"namespace/{name}" in namespaces
    assert "service/kubernetes" in kubectl("get", "all", "-A")
    assert "Server Version: v1.36" in kubectl("version")
    assert "readyz check passed" in kubectl("get", "--raw", "/readyz?verbose")
    assert "apps/v1" in kubectl("api-versions").split()
    resources = kubectl("api-resources", "-o", "name").split()
    assert {"pods", "deployments.apps", "configmaps"} <= set(resources)
    assert "FIELDS" in kubectl("explain", "service.spec.ports")


def test_an_object_from_its_creation_to_its_end(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "a", "--from-literal=k=v")
    assert kubectl("get", "cm", "a", "-o", "jsonpath={.data.k}") == "v"
    assert kubectl("get", "cm", "-o", "wide").split()[:3] == ["NAME", "DATA", "AGE"]
    assert "k:" in kubectl("describe", "configmap", "a")
    kubectl("label", "configmap", "a", "colour=red")
    assert kubectl("get", "cm", "-l", "colour=red", "-o", "name") == "configmap/a\n"
    again = kubectl.run("create", "configmap", "a")
    assert again.returncode == 1
    assert 'configmaps "a" already exists' in again.stderr
    kubectl("delete", "configmap", "a")
    absent = kubectl.run("get", "configmap", "a")
    assert 'configmaps "a" not found' in absent.stderr


@ON_ETCD
@pytest.mark.parametrize("kind", list(KINDS))
def test_kinds_of_many_groups_are_created_shown_and_deleted(kubectl: Kubectl, kind: str) -> None:
    created = kubectl("create", "-f", "-", "-o", "name", stdin=KINDS[kind]).strip()
    assert created.partition(".")[0].partition("/")[0] == kind
    assert kubectl("get", created, "-o", "name").strip() == created
    assert "Name:" in kubectl("describe", created)
    kubectl("delete", created, "--wait=false")


def test_an_applied_object_is_changed_by_what_is_applied_next(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    kubectl("apply", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicas: 3"))
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "3"
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=DEPLOYMENT)
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "2"


def test_a_watch_shows_what_happens_while_it_is_open(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "first")
    with kubectl.follow("get", "configmaps", "-w", "-o", "name") as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "configmap/first\n"
        kubectl("create", "configmap", "second")
        assert watching.stdout.readline() == "configmap/second\n"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_everything_is_still_there_after_a_restart(
    own_server: ServerProcess, own_kubectl: Kubectl, how: str
) -> None:
    kubectl = own_kubectl
    kubectl("create", "configmap", "kept", "--from-literal=k=v")
    before = json.loads(kubectl("get", "configmap", "kept", "-o", "json"))
    namespace = kubectl("get", "namespace", "default", "-o", "jsonpath={.metadata.uid}")
    if how == "stop":
        assert own_server.stop() == 0
    else:
        own_server.kill()
    own_server.start()
    assert json.loads(kubectl("get", "configmap", "kept", "-o", "json")) == before
    assert kubectl("get", "namespace", "default", "-o", "jsonpath={.metadata.uid}") == namespace
    kubectl("create", "configmap", "new")
    version = kubectl("get", "configmap", "new", "-o", "jsonpath={.metadata.resourceVersion}")
    assert int(version) > int(before["metadata"]["resourceVersion"])
