"""The other commands of kubectl that change and delete objects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients.conftest import ON_SQLITE, WAITS, Kubectl
from tests.waiting import PATIENCE

pytestmark = ON_SQLITE

IMAGE = "jsonpath={.spec.template.spec.containers[0].image}"
REPLICAS = "jsonpath={.spec.replicas}"
RESTARTED = r"jsonpath={.spec.template.metadata.annotations.kubectl\.kubernetes\.io/restartedAt}"

LABELS = {"app": "web"}
CONTAINER = {"name": "nginx", "image": "nginx:1", "ports": [{"containerPort": 80}]}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": LABELS},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [CONTAINER]}},
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "labels": LABELS},
    "spec": {"ports": [{"port": 80, "targetPort": 80}], "selector": LABELS},
}


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture
def web(kubectl: Kubectl) -> Kubectl:
    """kubectl, with a Deployment and its Service."""
    kubectl.store(DEPLOYMENT, SERVICE)
    return kubectl


def test_labels_and_annotations_are_set_overwritten_and_removed(web: Kubectl) -> None:
    web("label", "deployment", "web", "colour=red", "size=big")
    refused = web.refused("label", "deployment", "web", "colour=blue")
    assert "'colour' already has a value (red), and --overwrite is false" in refused
    web("label", "deployment", "web", "colour=blue", "size-", "--overwrite")
    web("annotate", "deployment,service", "web", "note=for you")
    found = web.json("get", "deployment,service", "web")["items"]
    assert [each["metadata"]["annotations"]["note"] for each in found] == ["for you"] * 2
    assert found[0]["metadata"]["labels"] == {"app": "web", "colour": "blue"}
    assert "not labeled" in web("label", "deployment", "web", "colour=blue", "--overwrite")
    refused = web.refused("label", "deployment", "web", "colour=not/good", "--overwrite")
    assert "a valid label must be an empty string or consist of alphanumeric" in refused
    web("annotate", "deployment", "--all", "note-")
    assert "note" not in web.stored("deployment", "web")["metadata"].get("annotations", {})


def test_parts_of_a_template_are_set(web: Kubectl) -> None:
    web("set", "image", "deployment/web", "nginx=nginx:2")
    web("set", "resources", "deployment/web", "--limits=cpu=1,memory=1Gi", "--requests=cpu=500m")
    web("set", "env", "deployment/web", "MODE=fast", "LEVEL=3")
    web("set", "env", "deployment/web", "LEVEL-")
    web("set", "serviceaccount", "deployment/web", "robot")
    web("set", "selector", "service/web", "app=web,tier=front")
    spec = web.stored("deployment", "web")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == "nginx:2"
    assert container["resources"] == {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "500m"},
    }
    assert container["env"] == [{"name": "MODE", "value": "fast"}]
    assert spec["serviceAccountName"] == "robot"
    assert web.stored("service", "web")["spec"]["selector"] == {"app": "web", "tier": "front"}
    refused = web.refused("set", "resources", "deployment/web", "--requests=cpu=2")
    assert "must be less than or equal to cpu limit of 1" in refused


def test_scaling_has_its_condition_and_its_own_view(web: Kubectl) -> None:
    web("scale", "deployment/web", "--replicas=5")
    assert web("get", "deployment", "web", "-o", REPLICAS) == "5"
    refused = web.refused("scale", "deployment/web", "--replicas=6", "--current-replicas=1")
    assert "Expected replicas to be 1, was 5" in refused
    web("scale", "deployment/web", "--replicas=6", "--current-replicas=5")
    shown = web("get", "deployment", "web", "--subresource=scale").split()
    assert shown[:7] == ["NAME", "DESIRED", "AVAILABLE", "AGE", "web", "6", "0"]
    web("patch", "deployment", "web", "--subresource=scale", "-p", '{"spec":{"replicas":1}}',
        "--type=merge")  # fmt: skip
    assert web("get", "deployment", "web", "-o", REPLICAS) == "1"
    web("autoscale", "deployment/web", "--min=1", "--max=4", "--cpu=80%")
    shown = web("get", "hpa").split()
    assert shown[shown.index("web") :][:7] == [
        *("web", "Deployment/web", "cpu:", "<unknown>/80%", "1", "4", "0")
    ]


def test_a_rollout_is_restarted_paused_and_awaited(web: Kubectl) -> None:
    web("rollout", "restart", "deployment/web")
    assert web("get", "deployment", "web", "-o", RESTARTED)
    web("rollout", "pause", "deployment/web")
    assert "can't restart paused deployment" in web.refused("rollout", "restart", "deployment/web")
    web("rollout", "resume", "deployment/web")
    assert "No rollout history found" in web("rollout", "history", "deployment/web")
    assert "no rollout history found" in web.refused("rollout", "undo", "deployment/web")
    with web.follow("rollout", "status", "deployment/web") as waiting:
        assert waiting.stdout is not None
        assert "Waiting for deployment spec update to be observed" in waiting.stdout.readline()
        report_ready(web)
        assert waiting.stdout.readlines()[-1] == 'deployment "web" successfully rolled out\n'
        assert waiting.wait(PATIENCE) == 0


def report_ready(kubectl: Kubectl) -> None:
    """Say what the controller of the Deployment would say when all of it is there."""
    web = kubectl.stored("deployment", "web")
    replicas = web["spec"]["replicas"]
    status = {
        "observedGeneration": web["metadata"]["generation"],
        **dict.fromkeys(
            ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas
        ),
        "conditions": [{"type": "Available", "status": "True"}],
    }
    patch = json.dumps({"status": status})
    kubectl("patch", "deployment", "web", "--subresource=status", "--type=merge", "-p", patch)


def test_revisions_are_listed_shown_and_gone_back_to(web: Kubectl) -> None:
    for revision, image in ((1, "nginx:1"), (2, "nginx:2")):
        web("set", "image", "deployment/web", f"nginx={image}")
        keep_revision(web, revision)
    history = web("rollout", "history", "deployment/web").split("\n")
    assert [line.split()[0] for line in history[2:4]] == ["1", "2"]
    assert "nginx:1" in web("rollout", "history", "deployment/web", "--revision=1")
    assert web("rollout", "undo", "deployment/web") == "deployment.apps/web rolled back\n"
    assert web("get", "deployment", "web", "-o", IMAGE) == "nginx:1"
    web("rollout", "undo", "deployment/web", "--to-revision=2")
    assert web("get", "deployment", "web", "-o", IMAGE) == "nginx:2"


def keep_revision(kubectl: Kubectl, revision: int) -> None:
    """Keep a revision of the Deployment as its controller would: as a ReplicaSet."""
    web = kubectl.stored("deployment", "web")
    key = "deployment.kubernetes.io/revision"
    spec = web["spec"]
    labels = {"app": "web", "pod-template-hash": str(revision)}
    template = {**spec["template"], "metadata": {"labels": labels}}
    owner = {
        **{key: web[key] for key in ("apiVersion", "kind")},
        **{key: web["metadata"][key] for key in ("name", "uid")},
        "controller": True,
    }
    document = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"web-{revision}",
            "labels": labels,
            "annotations": {key: str(revision)},
            "ownerReferences": [owner],
        },
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }
    kubectl.store(document)
    kubectl("annotate", "deployment", "web", f"{key}={revision}", "--overwrite")


PATCHES = [
    ("merge", '{"data":{"b":"2","a":null}}', {"b": "2"}),
    ("strategic", '{"data":{"b":"2"}}', {"a": "1", "b": "2"}),
    ("strategic", '{"data":{"$patch":"replace","b":"2"}}', {"b": "2"}),
    ("json", '[{"op":"add","path":"/data/b","value":"2"}]', {"a": "1", "b": "2"}),
    ("json", '[{"op":"move","from":"/data/a","path":"/data/b"}]', {"b": "1"}),
]


@pytest.mark.parametrize(("form", "patch", "data"), PATCHES)
def test_every_form_of_patch_does_what_it_says(
    kubectl: Kubectl, form: str, patch: str, data: dict[str, str]
) -> None:
    kubectl.store(config_map("c", a="1"))
    assert kubectl("patch", "configmap", "c", f"--type={form}", "-p", patch) == (
        "configmap/c patched\n"
    )
    assert kubectl.stored("configmap", "c")["data"] == data
    again = kubectl("patch", "configmap", "c", "--type=merge", "-p", json.dumps({"data": data}))
    assert again == "configmap/c patched (no change)\n"


def test_lists_are_merged_by_their_keys_where_the_patch_is_strategic(web: Kubectl) -> None:
    def patch(form: str, *containers: dict[str, str]) -> list[str]:
        body = json.dumps({"spec": {"template": {"spec": {"containers": containers}}}})
        web("patch", "deployment", "web", f"--type={form}", "-p", body)
        spec = web.stored("deployment", "web")["spec"]["template"]["spec"]
        return [each["image"] for each in spec["containers"]]

    side = {"name": "side", "image": "envoy"}
    assert sorted(patch("strategic", side)) == ["envoy", "nginx:1"]
    assert sorted(patch("strategic", {"name": "nginx", "image": "nginx:2"})) == [
        "envoy",
        "nginx:2",
    ]
    assert patch("strategic", {"name": "nginx", "$patch": "delete"}) == ["envoy"]
    assert patch("merge", {"name": "only", "image": "only"}) == ["only"]


def test_status_is_patched_apart_and_the_rest_is_left_alone(web: Kubectl) -> None:
    both = '{"status":{"replicas":2,"observedGeneration":1},"spec":{"replicas":9}}'
    web("patch", "deployment", "web", "--subresource=status", "--type=merge", "-p", both)
    found = web.stored("deployment", "web")
    assert found["status"] == {"observedGeneration": 1, "replicas": 2}
    assert found["spec"]["replicas"] == 2
    web("patch", "deployment", "web", "--type=merge", "-p", '{"status":{"replicas":7}}')
    assert web.stored("deployment", "web")["status"]["replicas"] == 2
    assert web("get", "deployment", "web", "--subresource=status", "-o", REPLICAS) == "2"


def test_a_patch_that_cannot_be_is_refused_with_its_reason(kubectl: Kubectl) -> None:
    kubectl.store(config_map("c", a="1"))

    def refused(form: str, patch: str, name: str = "c") -> str:
        return kubectl.refused("patch", "configmap", name, f"--type={form}", "-p", patch)

    missing = '[{"op":"replace","path":"/data/b/c","value":"2"}]'
    assert "The request is invalid: the server rejected our request" in refused("json", missing)
    assert 'configmaps "d" not found' in refused("merge", "{}", "d")
    stale = '{"metadata":{"resourceVersion":"1"}}'
    assert "the object has been modified" in refused("merge", stale)
    bad_key = '{"data":{"no good":"1"}}'
    assert 'data[no good]: Invalid value: "no good"' in refused("merge", bad_key)
    assert "unable to parse" in refused("merge", "not: [a patch")


def test_objects_are_deleted_by_name_by_label_and_all_at_once(web: Kubectl) -> None:
    web.store(*map(config_map, "abcd"))
    web("label", "configmaps", "a", "b", "group=one")
    done = web("delete", "configmaps", "-l", "group=one")
    namespace = f"from {web.namespace} namespace"
    assert done == f'configmap "a" deleted {namespace}\nconfigmap "b" deleted {namespace}\n'
    web("delete", "deployment/web", "service/web", "--now")
    web("delete", "configmaps", "--field-selector=metadata.name=c")
    assert web("get", "configmaps,deployments,services", "-o", "name") == "configmap/d\n"
    assert web("delete", "configmaps", "--all") == f'configmap "d" deleted {namespace}\n'
    assert 'configmaps "d" not found' in web.refused("delete", "configmap", "d")
    assert web("delete", "configmap", "d", "--ignore-not-found") == ""


def test_what_has_a_finalizer_stays_until_it_is_taken_off(kubectl: Kubectl) -> None:
    kubectl.store(config_map("held"))
    hold = '{"metadata":{"finalizers":["example.com/hold"]}}'
    kubectl("patch", "configmap", "held", "--type=merge", "-p", hold)
    kubectl("delete", "configmap", "held", "--wait=false")
    deleted = kubectl.stored("configmap", "held")["metadata"]
    assert deleted["deletionTimestamp"]
    assert deleted["deletionGracePeriodSeconds"] == 0
    slow = kubectl.refused("delete", "configmap", "held", "--timeout=300ms")
    assert "timed out waiting for the condition" in slow
    more = '{"metadata":{"finalizers":["example.com/hold","example.com/more"]}}'
    refused = kubectl.refused("patch", "configmap", "held", "--type=merge", "-p", more)
    assert "no new finalizers can be added if the object is being deleted" in refused
    with (
        kubectl.follow("get", "configmap", "held", "-w", "-o", "name") as watching,
        kubectl.follow("delete", "configmap", "held", WAITS) as deleting,
    ):
        assert watching.stdout is not None
        assert deleting.stdout is not None
        watching.stdout.readline()
        # It says so when it begins to wait.
        assert deleting.stdout.readline().startswith('configmap "held" deleted')
        release = '[{"op":"remove","path":"/metadata/finalizers"}]'
        kubectl("patch", "configmap", "held", "--type=json", "-p", release)
        assert deleting.wait(PATIENCE) == 0
        assert watching.stdout.readline() == "configmap/held\n"
    assert "not found" in kubectl.refused("get", "configmap", "held")


def test_nodes_are_tainted_cordoned_and_drained(kubectl: Kubectl) -> None:
    name = kubectl.namespace
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    kubectl("create", "-f", "-", stdin=json.dumps(node))
    kubectl("taint", "nodes", name, "key=value:NoSchedule")
    kubectl("cordon", name)
    spec = kubectl.json("get", "node", name)["spec"]
    assert {"key": "key", "value": "value", "effect": "NoSchedule"} in spec["taints"]
    assert spec["unschedulable"] is True
    assert "SchedulingDisabled" in kubectl("get", "node", name)
    assert "Unschedulable:      true" in kubectl("describe", "node", name)
    kubectl("uncordon", name)
    kubectl("drain", name, "--ignore-daemonsets")
    kubectl("delete", "node", name)
