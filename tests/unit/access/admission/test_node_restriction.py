"""NodeRestriction: what kubelets may write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from apiserver.access.admission.chain import CREATE, DELETE, UPDATE, AdmissionAttributes
from apiserver.access.admission.plugins.node_restriction import NodeRestriction
from apiserver.access.authorization.modes import AlwaysAllow, AlwaysDeny
from apiserver.machinery.errors import NotFound, StatusError
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.users import UserInfo

NODE = UserInfo("system:node:n1", groups=("system:nodes",))
MIRROR = {"kubernetes.io/config.mirror": "hash"}
OWNER = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u1", "controller": True}


class Known:
    """A reader of a few objects, by ``RESOURCE NAMESPACE/NAME``."""

    def __init__(self, objects: dict[str, Object]) -> None:
        self.objects = objects

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        return self.objects.get(f"{resource.resource} {namespace}/{name}")

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        return []


def projected(*audiences: str) -> Object:
    sources = [{"serviceAccountToken": {"audience": audience}} for audience in audiences]
    return {"name": "t", "projected": {"sources": sources}}


CLUSTER = Known({
    "pods ns/mine": {
        "metadata": {"name": "mine", "namespace": "ns", "uid": "p1"},
        "spec": {"nodeName": "n1", "volumes": [
            projected("", "vault"), {"name": "c", "csi": {"driver": "d"}},
            {"name": "v", "persistentVolumeClaim": {"claimName": "claim"}},
        ]},
    },
    "pods ns/theirs": {
        "metadata": {"name": "theirs", "namespace": "ns", "uid": "p2"}, "spec": {"nodeName": "n2"},
    },
    "nodes /n1": {"metadata": {"name": "n1", "uid": "u1"}},
    "csidrivers /d": {"spec": {"tokenRequests": [{"audience": "inline"}]}},
    "csidrivers /e": {"spec": {"tokenRequests": [{"audience": "persistent"}]}},
    "persistentvolumeclaims ns/claim": {"spec": {"volumeName": "pv"}},
    "persistentvolumes /pv": {"spec": {"csi": {"driver": "e"}}},
})  # fmt: skip


async def refusal(
    resource: str,
    operation: str,
    document: Object | None = None,
    old: Object | None = None,
    *,
    user: UserInfo = NODE,
    namespace: str = "ns",
    name: str = "",
    trusted: bool = False,
) -> str:
    """Return what is said against a write of ``GROUP/RESOURCE[/SUBRESOURCE]``, or nothing."""
    group, plural, *subresource = resource.split("/")
    gvr = GroupVersionResource(group, "v1", plural)
    attributes = AdmissionAttributes(
        operation, user, GroupVersionKind(group, "v1", "Kind"), gvr,
        subresource=subresource[0] if subresource else "", namespace=namespace,
        name=name or ((document or {}).get("metadata") or {}).get("name", ""),
        object=document, old_object=old,
    )  # fmt: skip
    plugin = NodeRestriction(AlwaysAllow() if trusted else AlwaysDeny())
    if not plugin.handles(operation, gvr, attributes.subresource):
        return ""
    try:
        await plugin.validate_async(attributes, CLUSTER)
    except NotFound:
        return "404"
    except StatusError as error:
        return str(error).partition(" is forbidden: ")[2]
    return ""


def mirror(spec: Object | None = None, **metadata: Any) -> Object:
    return {
        "metadata": {
            "name": "m", "namespace": "ns", "annotations": MIRROR, "ownerReferences": [OWNER],
            **metadata,
        },
        "spec": {"nodeName": "n1", "containers": [], **(spec or {})},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        (mirror(), ""),
        (mirror(annotations={}), 'pod does not have "kubernetes.io/config.mirror" annotation, '
         'node "n1" can only create mirror pods'),
        (mirror({"nodeName": "n2"}),
         'node "n1" can only create pods with spec.nodeName set to itself'),
        (mirror(ownerReferences=[]),
         'node "n1" can only create pods with an owner reference set to itself'),
        (mirror(ownerReferences=[OWNER, OWNER]),
         'node "n1" can only create pods with a single owner reference set to itself'),
        (mirror(ownerReferences=[{**OWNER, "controller": False}]),
         'node "n1" can only create pods with a controller owner reference set to itself'),
        (mirror(ownerReferences=[{**OWNER, "blockOwnerDeletion": True}]),
         'node "n1" must not set blockOwnerDeletion on an owner reference'),
        (mirror(ownerReferences=[{**OWNER, "uid": "old"}]),
         "node n1 UID mismatch: expected u1 got old"),
        (mirror({"serviceAccountName": "robot"}),
         'node "n1" can not create pods that reference a service account'),
        (mirror({"imagePullSecrets": [{"name": "s"}]}),
         'node "n1" can not create pods that reference secrets'),
        (mirror({"volumes": [{"name": "v", "configMap": {"name": "c"}}]}),
         'node "n1" can not create pods that reference configmaps'),
    ],
)  # fmt: skip
async def test_a_kubelet_creates_mirror_pods_only(pod: Object, said: str) -> None:
    assert await refusal("/pods", CREATE, pod) == said


async def test_a_kubelet_touches_its_own_pods_only() -> None:
    mine, theirs = CLUSTER.objects["pods ns/mine"], CLUSTER.objects["pods ns/theirs"]
    assert await refusal("/pods", DELETE, name="mine") == ""
    assert "can only delete pods" in await refusal("/pods", DELETE, name="theirs")
    assert await refusal("/pods", DELETE, name="gone") == "404"
    assert "unexpected operation" in await refusal("/pods", UPDATE, mine, mine)
    assert await refusal("/pods/eviction", CREATE, {}, name="mine") == ""
    assert "can only evict" in await refusal("/pods/eviction", CREATE, {}, name="theirs")
    assert "unexpected pod subresource" in await refusal("/pods/exec", CREATE, {}, name="mine")
    assert await refusal("/pods/status", UPDATE, mine, mine) == ""
    assert "can only update pod status" in await refusal("/pods/status", UPDATE, theirs, theirs)
    labelled = {**mine, "metadata": {**mine["metadata"], "labels": {"a": "b"}}}
    assert "cannot update labels" in await refusal("/pods/status", UPDATE, labelled, mine)
    claims = {**mine, "status": {"resourceClaimStatuses": [{"name": "x"}]}}
    assert "resource claim statuses" in await refusal("/pods/status", UPDATE, claims, mine)


def node(name: str = "n1", spec: Object | None = None, **labels: str) -> Object:
    named = {key.replace("__", "/").replace("_", "."): value for key, value in labels.items()}
    return {"metadata": {"name": name, "labels": named}, "spec": spec or {}}


@pytest.mark.parametrize(
    ("document", "old", "said"),
    [
        (node(kubernetes_io__hostname="h", example_com__a="b"), None, ""),
        (node(node_kubernetes_io__x="y", a_kubelet_kubernetes_io__x="y"), None, ""),
        (node(topology_kubernetes_io__other="z", role_k8s_io__x="y"), None,
         "is not allowed to set the following labels: role.k8s.io/x, topology.kubernetes.io/other"),
        (node("n2"), None, 'node "n1" is not allowed to modify node "n2"'),
        (node("n2"), node("n2"), 'node "n1" is not allowed to modify node "n2"'),
        (node(), node(), ""),
        (node(x="2"), node(x="1"), ""),
        (node(), node(x_kubernetes_io__a="b"),
         "is not allowed to modify labels: x.kubernetes.io/a"),
        (node(spec={"taints": [{"key": "k"}]}), node(),
         'node "n1" is not allowed to modify taints'),
        ({"metadata": {"name": "n1", "ownerReferences": [OWNER]}}, node(),
         'node "n1" is not allowed to modify ownerReferences'),
    ],
)  # fmt: skip
async def test_a_kubelet_writes_its_own_node(
    document: Object, old: Object | None, said: str
) -> None:
    operation = CREATE if old is None else UPDATE
    assert await refusal("/nodes", operation, document, old, namespace="") == said


def token(audiences: list[str] | None = None, **bound: str) -> Object:
    given = {"kind": "Pod", "apiVersion": "v1", "name": "mine", "uid": "p1", **bound}
    return {"spec": {"boundObjectRef": given, "audiences": audiences}}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (token(), ""),
        (token(["vault"]), ""),
        (token(["inline"]), ""),
        (token(["persistent"]), ""),
        (token(["other"]), 'audience "other" not found in pod spec volume, system:node:n1 is not '
         "authorized to request tokens for this audience"),
        (token(["a", "b"]), "node may only request 0 or 1 audiences"),
        ({"spec": {}}, "node requested token not bound to a pod"),
        (token(kind="Secret"), "node requested token not bound to a pod"),
        (token(uid=""), "node requested token with a pod binding without a uid"),
        (token(name="gone"), "404"),
        (token(uid="p9"), "the UID in the bound object reference (p9) does not match the UID in "
         "record. The object might have been deleted and then recreated"),
        (token(name="theirs", uid="p2"),
         "node requested token bound to a pod scheduled on a different node"),
    ],
)  # fmt: skip
async def test_a_kubelet_requests_tokens_of_its_pods(request_: Object, said: str) -> None:
    assert await refusal("/serviceaccounts/token", CREATE, request_, name="robot") == said


async def test_other_audiences_can_be_granted() -> None:
    given = token(["other"])
    assert await refusal("/serviceaccounts/token", CREATE, given, name="r", trusted=True) == ""
    assert await refusal("/serviceaccounts", CREATE, {"metadata": {"name": "r"}}) == ""


@pytest.mark.parametrize(
    ("resource", "namespace", "document", "said"),
    [
        ("coordination.k8s.io/leases", "kube-node-lease", {"metadata": {"name": "n1"}}, ""),
        ("coordination.k8s.io/leases", "kube-node-lease", {"metadata": {"name": "n2"}},
         "can only access node lease with the same name as the requesting node"),
        ("coordination.k8s.io/leases", "ns", {"metadata": {"name": "n1"}},
         'can only access leases in the "kube-node-lease" system namespace'),
        ("storage.k8s.io/csinodes", "", {"metadata": {"name": "n1"}}, ""),
        ("storage.k8s.io/csinodes", "", {"metadata": {"name": "n2"}},
         "can only access CSINode with the same name as the requesting node"),
        ("resource.k8s.io/resourceslices", "", {"spec": {"nodeName": "n1"}}, ""),
        ("resource.k8s.io/resourceslices", "", {"spec": {"nodeName": "n2"}},
         "can only create ResourceSlice with the same NodeName as the requesting node"),
        ("certificates.k8s.io/certificatesigningrequests", "",
         {"spec": {"signerName": "kubernetes.io/kubelet-serving", "request": "bm8="}},
         "unable to parse csr"),
        ("certificates.k8s.io/certificatesigningrequests", "",
         {"spec": {"signerName": "example.com/x", "request": "bm8="}}, ""),
        ("/persistentvolumeclaims", "ns", {"metadata": {"name": "c"}},
         "may only update PVC status"),
        ("/configmaps", "ns", {"metadata": {"name": "c"}}, ""),
    ],
)  # fmt: skip
async def test_what_else_a_kubelet_creates(
    resource: str, namespace: str, document: Object, said: str
) -> None:
    found = await refusal(resource, CREATE, document, namespace=namespace)
    assert found.startswith(said)
    assert bool(found) == bool(said)


async def test_the_status_of_a_claim_says_how_large_it_is() -> None:
    old: Object = {"metadata": {"name": "c"}, "spec": {}, "status": {"phase": "Bound"}}
    larger = {**old, "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}
    lost = {**old, "status": {"phase": "Lost"}}
    status = "/persistentvolumeclaims/status"
    assert await refusal(status, UPDATE, larger, old) == ""
    assert "other than status.quantity" in await refusal(status, UPDATE, lost, old)


async def test_others_are_not_concerned_and_a_nameless_kubelet_writes_nothing() -> None:
    pod = {"metadata": {"name": "p"}, "spec": {}}
    assert await refusal("/pods", CREATE, pod, user=UserInfo("jane")) == ""
    assert await refusal("/pods", CREATE, pod, user=UserInfo("system:node:n1")) == ""
    nameless = UserInfo("system:node:", groups=("system:nodes",))
    assert await refusal("/pods", CREATE, pod, user=nameless) == (
        'could not determine node identity from user "system:node:"'
    )
