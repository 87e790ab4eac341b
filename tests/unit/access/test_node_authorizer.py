"""What a kubelet may read: what the Pods of its node need."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.authorization.authorizer import AuthorizationAttributes, Verdict
from apiserver.access.authorization.node_authorizer import NodeAuthorizer
from apiserver.access.authorization.node_graph import NodeGraph
from apiserver.access.authorization.policy_rules import CompiledRules
from apiserver.machinery.fieldselectors import parse_field_selector
from apiserver.machinery.objects import Object
from apiserver.machinery.users import UserInfo
from apiserver.resources.builtin.rbac.bootstrap import bootstrap_policy

NODE = UserInfo("system:node:n1", groups=("system:nodes",))
RULES = CompiledRules(
    next(r for r in bootstrap_policy().clusterroles if r["metadata"]["name"] == "system:node")[
        "rules"
    ]
)
POD: Object = {
    "metadata": {"name": "p", "namespace": "ns"},
    "spec": {
        "nodeName": "n1",
        "serviceAccountName": "robot",
        "imagePullSecrets": [{"name": "pull"}],
        "initContainers": [{"envFrom": [{"secretRef": {"name": "env-from"}}]}],
        "containers": [
            {
                "envFrom": [{"configMapRef": {"name": "map-from"}}],
                "env": [
                    {"valueFrom": {"secretKeyRef": {"name": "env"}}},
                    {"valueFrom": {"configMapKeyRef": {"name": "map"}}},
                    {"value": "plain"},
                ],
            }
        ],
        "volumes": [
            {"name": "a", "secret": {"secretName": "vol"}},
            {"name": "b", "configMap": {"name": "vol-map"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}},
            {"name": "d", "ephemeral": {}},
            {"name": "e", "projected": {"sources": [
                {"secret": {"name": "proj"}}, {"configMap": {"name": "proj-map"}},
            ]}},
            {"name": "f", "csi": {"nodePublishSecretRef": {"name": "csi"}}},
            {"name": "g", "azureFile": {"secretName": "azure", "shareName": "s"}},
            {"name": "h", "rbd": {"secretRef": {"name": "rbd"}}},
        ],
        "resourceClaims": [{"name": "x", "resourceClaimName": "gpu"}],
    },
    "status": {"resourceClaimStatuses": [{"name": "y", "resourceClaimName": "made"}]},
}  # fmt: skip
VOLUME: Object = {
    "metadata": {"name": "pv"},
    "spec": {
        "claimRef": {"namespace": "ns", "name": "claim"},
        "csi": {"nodeStageSecretRef": {"name": "stage", "namespace": "drivers"}},
    },
}


def graph() -> NodeGraph:
    """Return the graph of a cluster with two Pods on two nodes."""
    made = NodeGraph()
    made.put_pod(POD)
    other = {"name": "q", "namespace": "ns"}
    made.put_pod({"metadata": other, "spec": {"nodeName": "n2", "serviceAccountName": "other"}})
    made.put_pod({"metadata": {"name": "pending", "namespace": "ns"}, "spec": {}})
    made.put_volume(VOLUME)
    made.put_volume({"metadata": {"name": "free"}, "spec": {}})
    made.put_named("volumeattachments", {"metadata": {"name": "va"}, "spec": {"nodeName": "n1"}})
    made.put_named("resourceslices", {"metadata": {"name": "sl"}, "spec": {"nodeName": "n1"}})
    made.put_named("resourceslices", {"metadata": {"name": "sl2"}, "spec": {"nodeName": "n2"}})
    return made


async def decide(made: NodeGraph, text: str, user: UserInfo = NODE, fields: str = "") -> str:
    """Return ``yes``, or the reason, for ``VERB GROUP RESOURCE[/SUB] [NAMESPACE/NAME]``."""
    verb, group, resource, *where = text.split()
    namespace, _, name = (where[0] if where else "/").partition("/")
    resource, _, subresource = resource.partition("/")
    more: dict[str, Any] = {"fields": parse_field_selector(fields)} if fields else {}
    asked = AuthorizationAttributes(
        user, verb, "", is_resource_request=True, group="" if group == "core" else group,
        resource=resource, subresource=subresource, namespace=namespace, name=name, **more,
    )  # fmt: skip
    decision = await NodeAuthorizer(made, RULES).authorize(asked)
    return "yes" if decision.verdict is Verdict.ALLOW else decision.reason


RELATED = [
    *(f"get core secrets ns/{name}" for name in
      ("pull", "env-from", "env", "vol", "proj", "csi", "azure", "rbd")),
    "list core secrets ns/pull", "watch core configmaps ns/map",
    *(f"get core configmaps ns/{name}" for name in ("map-from", "vol-map", "proj-map")),
    "get core persistentvolumeclaims ns/claim", "get core persistentvolumeclaims ns/p-d",
    "patch core persistentvolumeclaims/status ns/claim",
    "get core persistentvolumes /pv", "get core secrets drivers/stage",
    "create core serviceaccounts/token ns/robot", "get core serviceaccounts ns/robot",
    "get resource.k8s.io resourceclaims ns/gpu", "get resource.k8s.io resourceclaims ns/made",
    "get storage.k8s.io volumeattachments /va", "update resource.k8s.io resourceslices /sl",
    "get core pods ns/p",
]  # fmt: skip


@pytest.mark.parametrize("text", RELATED)
async def test_a_node_may_have_what_its_pods_need_while_they_are_there(text: str) -> None:
    made, other = graph(), UserInfo("system:node:n2", groups=("system:nodes",))
    unrelated = "no relationship found between node '{}' and this object"
    assert await decide(made, text) == "yes"
    assert await decide(made, text, other) == unrelated.format("n2")
    made.remove_pod(("ns", "p"))
    if "va" not in text and "slices" not in text:
        assert await decide(made, text) == unrelated.format("n1")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("create core secrets ns/env", "can only read resources of this type"),
        ("list core secrets", "can only read namespaced object of this type"),
        ("list core secrets ns/", "No Object name found"),
        ("get core configmaps/x ns/map", "cannot read subresource"),
        ("list core persistentvolumes /pv", "can only get individual resources of this type"),
        ("get core persistentvolumes/status /pv", "cannot get subresource"),
        ("delete core persistentvolumeclaims/status ns/claim",
         "can only get/update/patch this type"),
        ("create core serviceaccounts ns/",
         "can only create tokens for individual service accounts"),
        ("create core serviceaccounts/x ns/robot",
         "can only create token subresource of serviceaccount"),
        ("get core nodes /n1", "yes"),
        ("get core nodes /n2", "node 'n1' cannot read 'n2', only its own Node object"),
        ("list core nodes", "node 'n1' cannot read all nodes, only its own Node object"),
        ("patch core nodes/status /n1", "yes"),
        ("create core nodes", "yes"),
        ("delete core nodes /n1", ""),
        ("update coordination.k8s.io leases kube-node-lease/n1", "yes"),
        ("create coordination.k8s.io leases kube-node-lease/", "yes"),
        ("update coordination.k8s.io leases kube-node-lease/n2",
         "can only access node lease with the same name as the requesting node"),
        ("update coordination.k8s.io leases default/n1",
         'can only access leases in the "kube-node-lease" system namespace'),
        ("list coordination.k8s.io leases kube-node-lease/n1",
         "can only get, create, update, patch, or delete a node lease"),
        ("get storage.k8s.io csinodes /n1", "yes"),
        ("get storage.k8s.io csinodes /n2",
         "can only access CSINode with the same name as the requesting node"),
        ("create resource.k8s.io resourceslices", "yes"),
        ("delete resource.k8s.io resourceslices /sl2",
         "no relationship found between node 'n1' and this object"),
        ("list core pods", "can only list/watch pods with spec.nodeName field selector"),
        ("create core pods ns/", "yes"),
        ("patch core pods/status ns/q", "yes"),
        ("create core pods/exec ns/p", ""),
        # Not about what Pods need: the rules of system:node.
        ("list core services", "yes"),
        ("create certificates.k8s.io certificatesigningrequests", "yes"),
        ("list apps deployments", ""),
    ],
)  # fmt: skip
async def test_the_rest_has_its_own_rules(text: str, answer: str) -> None:
    assert await decide(graph(), text) == answer


@pytest.mark.parametrize(
    ("text", "fields", "allowed"),
    [
        ("list core pods", "spec.nodeName=n1", True),
        ("watch core pods", "spec.nodeName=n1,status.phase!=Failed", True),
        ("list core pods", "spec.nodeName=n2", False),
        ("list core pods", "spec.nodeName!=n1", False),
        ("list core pods ns/p", "metadata.name=p", True),
        ("deletecollection resource.k8s.io resourceslices", "spec.nodeName=n1", True),
        ("list resource.k8s.io resourceslices", "spec.driver=d", False),
    ],
)
async def test_lists_are_limited_by_a_field_selector(
    text: str, fields: str, *, allowed: bool
) -> None:
    assert (await decide(graph(), text, fields=fields) == "yes") == allowed


async def test_only_kubelets_are_nodes() -> None:
    for user in (
        UserInfo("system:node:n1"),
        UserInfo("n1", groups=("system:nodes",)),
    ):
        assert await decide(graph(), "get core secrets ns/env", user) == ""
        assert not (await NodeAuthorizer(graph(), RULES).rules_for(user, "ns")).incomplete
    nameless = UserInfo("system:node:", groups=("system:nodes",))
    said = await decide(graph(), "get core secrets ns/env", nameless)
    assert said == 'unknown node for user "system:node:"'
    rules = await NodeAuthorizer(graph(), RULES).rules_for(NODE, "ns")
    assert rules.incomplete


def test_a_changed_pod_changes_its_edges_and_leaves_nothing_behind() -> None:
    made = graph()
    made.put_pod(POD)
    moved = {**POD, "spec": {"nodeName": "n2", "serviceAccountName": "robot"}}
    made.put_pod(moved)
    assert made.needs("n2", ("serviceaccounts", "ns", "robot"))
    assert not made.needs("n1", ("secrets", "ns", "env"))
    mirror = {"name": "p", "namespace": "ns", "annotations": {"kubernetes.io/config.mirror": "x"}}
    made.put_pod({**POD, "metadata": mirror})
    assert made.needs("n1", ("pods", "ns", "p"))
    assert not made.needs("n1", ("secrets", "ns", "env"))
    for key in (("ns", "p"), ("ns", "q"), ("ns", "q"), ("ns", "gone")):
        made.remove_pod(key)
    made.remove_volume("pv")
    made.remove_volume("gone")
    for resource, name in (("volumeattachments", "va"), ("resourceslices", "sl"), ("x", "y")):
        made.remove_named(resource, name)
    assert not made.needs("n1", ("volumeattachments", "", "va"))
    assert not made._nodes
    assert not made._volumes_of


def test_accounts_of_many_pods_are_counted() -> None:
    made = NodeGraph()
    spec = {"nodeName": "n1", "serviceAccountName": "robot"}
    for number in range(3):
        made.put_pod({"metadata": {"name": f"p{number}", "namespace": "ns"}, "spec": spec})
    for number in range(3):
        assert made.needs("n1", ("serviceaccounts", "ns", "robot"))
        made.remove_pod(("ns", f"p{number}"))
    assert not made.needs("n1", ("serviceaccounts", "ns", "robot"))
