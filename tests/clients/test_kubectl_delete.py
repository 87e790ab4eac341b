"""What kubectl deletes, and how: cascades, grace periods, waiting and evictions."""

from __future__ import annotations

import subprocess
import uuid
from typing import Any

import pytest

from tests.clients.conftest import ON_SQLITE, WAITS, Kubectl
from tests.waiting import PATIENCE, wait_until

pytestmark = [ON_SQLITE]


def create(kubectl: Kubectl, kind: str, name: str, *owners: dict[str, Any], **more: Any) -> Any:
    """Create an object with owners that it blocks the deletion of."""
    references = [
        {
            "apiVersion": each["apiVersion"],
            "kind": each["kind"],
            "name": each["metadata"]["name"],
            "uid": each["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
        for each in owners
    ]
    metadata = {"name": name, "ownerReferences": references, **more.pop("metadata", {})}
    document = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}
    (made,) = kubectl.store(document)
    return made


def pod(kubectl: Kubectl, name: str, **spec: Any) -> Any:
    if kubectl.run("get", "serviceaccount", "default").returncode:
        kubectl.run("create", "serviceaccount", "default")
    containers = [{"name": "c", "image": "busybox"}]
    return create(kubectl, "Pod", name, spec={"containers": containers, **spec})


def exists(kubectl: Kubectl, *what: str) -> bool:
    return kubectl("get", *what, "--ignore-not-found", "-o", "name") != ""


@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_dependents_go_with_their_owner(kubectl: Kubectl, cascade: str) -> None:
    owner = create(kubectl, "ConfigMap", "owner")
    create(kubectl, "Secret", "below", create(kubectl, "ConfigMap", "child", owner))
    kubectl("delete", "configmap", "owner", f"--cascade={cascade}", WAITS)
    if cascade == "foreground":
        # Those that block the owner have gone before it, and what is below them before them.
        assert not exists(kubectl, "configmap", "child")
        assert not exists(kubectl, "secret", "below")
    wait_until(lambda: not exists(kubectl, "configmap", "child"))
    wait_until(lambda: not exists(kubectl, "secret", "below"))


def test_orphans_are_left_without_a_reference(kubectl: Kubectl) -> None:
    create(kubectl, "Secret", "child", create(kubectl, "ConfigMap", "owner"))
    kubectl("delete", "configmap", "owner", "--cascade=orphan", WAITS)
    assert "ownerReferences" not in kubectl.stored("secret", "child")["metadata"]


def test_a_grace_period_is_the_pods_or_the_commands(kubectl: Kubectl) -> None:
    for name in ("own", "asked", "now"):
        pod(kubectl, name, nodeName="node", terminationGracePeriodSeconds=300)
    kubectl("delete", "pod", "own", "--wait=false")
    kubectl("delete", "pod", "asked", "--grace-period=100", "--wait=false")
    seconds = {
        each["metadata"]["name"]: each["metadata"].get("deletionGracePeriodSeconds")
        for each in kubectl.json("get", "pods")["items"]
    }
    assert seconds == {"own": 300, "asked": 100, "now": None}
    # It may be shortened, and never be extended.
    kubectl("delete", "pod", "own", "--grace-period=50", "--wait=false")
    kubectl("delete", "pod", "asked", "--grace-period=200", "--wait=false")
    for name, left in (("own", 50), ("asked", 100)):
        metadata = kubectl.stored("pod", name)["metadata"]
        assert metadata["deletionGracePeriodSeconds"] == left
    kubectl("delete", "pod", "now", "--now", "--wait=false")
    assert kubectl.stored("pod", "now")["metadata"]["deletionGracePeriodSeconds"] == 1
    kubectl("delete", "pods", "--all", "--force", "--grace-period=0", WAITS)
    assert not exists(kubectl, "pods")


def test_a_pod_without_a_node_goes_at_once(kubectl: Kubectl) -> None:
    pod(kubectl, "p", terminationGracePeriodSeconds=300)
    kubectl("delete", "pod", "p", WAITS)
    assert not exists(kubectl, "pod", "p")


def test_kubectl_waits_for_the_last_finalizer(kubectl: Kubectl) -> None:
    create(kubectl, "ConfigMap", "held", metadata={"finalizers": ["example.com/hold"]})
    with kubectl.follow("delete", "configmap", "held", WAITS) as deleting:
        wait_until(lambda: "deletionTimestamp" in kubectl.stored("configmap", "held")["metadata"])
        assert deleting.poll() is None
        kubectl(
            "patch", "configmap", "held", "--type=merge", "-p", '{"metadata":{"finalizers":[]}}'
        )
        assert deleting.wait(PATIENCE) == 0
    assert not exists(kubectl, "configmap", "held")


def test_a_namespace_is_deleted_with_its_content(kubectl: Kubectl) -> None:
    name = f"gone-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    kubectl("create", "configmap", "a", f"--namespace={name}")
    kubectl("create", "secret", "generic", "b", f"--namespace={name}")
    kubectl("delete", "namespace", name, WAITS)
    assert not exists(kubectl, "namespace", name)
    assert "not found" in kubectl.refused("create", "configmap", "c", f"--namespace={name}")


def test_a_drain_evicts_with_the_grace_period_that_it_is_given(kubectl: Kubectl) -> None:
    node = f"node-{uuid.uuid4().hex[:8]}"
    create(kubectl, "Node", node)
    pod(kubectl, "p", nodeName=node, terminationGracePeriodSeconds=300)
    running = '{"status":{"phase":"Running"}}'
    kubectl("patch", "pod", "p", "--subresource=status", "--type=merge", "-p", running)
    drain = ("drain", node, "--force", "--grace-period=77", WAITS)
    with kubectl.follow(*drain, stderr=subprocess.STDOUT) as draining:
        wait_until(
            lambda: kubectl.stored("pod", "p")["metadata"].get("deletionGracePeriodSeconds") == 77
        )
        assert draining.poll() is None
        # The kubelet's part.
        kubectl("delete", "pod", "p", "--grace-period=0", "--force")
        assert draining.wait(PATIENCE) == 0
    kubectl("delete", "node", node)
