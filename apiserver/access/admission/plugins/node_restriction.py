"""NodeRestriction: kubelets write only what belongs to their own node.

It completes the Node authorizer, which does not see the objects. Other users are not concerned.
Source of the rules: the documentation page "Admission Control in Kubernetes", NodeRestriction.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Final

from apiserver.access.admission.chain import CREATE, DELETE, UPDATE, AdmissionAttributes
from apiserver.access.admission.plugins.node_labels import forbidden_labels
from apiserver.access.admission.plugins.node_tokens import check_token_request
from apiserver.access.authorization.authorizer import Authorizer
from apiserver.access.authorization.node_authorizer import LEASE_NAMESPACE, node_of
from apiserver.access.authorization.node_graph import references_of
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import MIRROR_POD, NODES, PODS
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupResource, GroupVersionResource
from apiserver.machinery.objects import Object, annotations_of
from apiserver.machinery.quoting import quote

_SIGNERS: Final = (
    "kubernetes.io/kube-apiserver-client-kubelet",
    "kubernetes.io/kubelet-serving",
)
#: What a Pod of a kubelet may not name, in the order of the checks.
_REFERENCES: Final = {
    "serviceaccounts": "a service account",
    "secrets": "secrets",
    "configmaps": "configmaps",
    "persistentvolumeclaims": "persistentvolumeclaims",
    "resourceclaims": "resourceclaims",
}
_CLAIM_STATUS: Final = (
    "capacity", "conditions", "allocatedResources", "allocatedResourceStatuses",
    "currentVolumeAttributesClassName", "modifyVolumeStatus",
)  # fmt: skip


class NodeRestriction:
    """Limits kubelets to writes of objects of their own node."""

    name = "NodeRestriction"

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return (resource.group, resource.resource) in (*_CHECKS, _ACCOUNTS)

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        node = node_of(attributes.user)
        if node is None:
            return
        if not node:
            who = quote(attributes.user.name)
            raise attributes.forbidden(f"could not determine node identity from user {who}")
        key = attributes.gvr.group, attributes.gvr.resource
        if key == _ACCOUNTS:
            if attributes.operation == CREATE and attributes.subresource == "token":
                await check_token_request(attributes, node, reader, self._authorizer)
            return
        _CHECKS[key](attributes, node, reader)


def _check_pod(attributes: AdmissionAttributes, node: str, reader: Reader) -> None:
    operation, shown = attributes.operation, quote(node)
    match attributes.subresource:
        case "" if operation == CREATE:
            _check_mirror_pod(attributes, node, reader)
        case "" if operation == DELETE:
            if _node_of_pod(attributes, reader) != node:
                raise attributes.forbidden(
                    f"node {shown} can only delete pods with spec.nodeName set to itself"
                )
        case "":
            raise attributes.forbidden(
                f"unexpected operation {quote(operation)}, node {shown} can only create and "
                "delete mirror pods"
            )
        case "status":
            _check_pod_status(attributes, node)
        case "eviction":
            if _node_of_pod(attributes, reader) != node:
                raise attributes.forbidden(
                    f"node {node} can only evict pods with spec.nodeName set to itself"
                )
        case other:
            raise attributes.forbidden(
                f"unexpected pod subresource {quote(other)}, only 'status' and 'eviction' are "
                "allowed"
            )


def _node_of_pod(attributes: AdmissionAttributes, reader: Reader) -> str:
    pod = reader.get(PODS, attributes.namespace, attributes.name)
    if pod is None:
        raise NotFound.of(attributes.group_resource, attributes.name)
    node: str = (pod.get("spec") or {}).get("nodeName", "")
    return node


def _check_mirror_pod(attributes: AdmissionAttributes, node: str, reader: Reader) -> None:
    pod, shown = attributes.object, quote(node)
    assert pod is not None
    if MIRROR_POD not in annotations_of(pod):
        raise attributes.forbidden(
            f"pod does not have {quote(MIRROR_POD)} annotation, node {shown} can only create "
            "mirror pods"
        )
    if (pod.get("spec") or {}).get("nodeName") != node:
        raise attributes.forbidden(
            f"node {shown} can only create pods with spec.nodeName set to itself"
        )
    _check_owner(attributes, node, pod["metadata"].get("ownerReferences") or [], reader)
    # As one that is no mirror Pod, for then its references would not count.
    plain = {**pod, "metadata": {**pod["metadata"], "annotations": {}}}
    named = {resource for resource, _, _ in references_of(plain)}
    for resource, text in _REFERENCES.items():
        if resource in named:
            raise attributes.forbidden(f"node {shown} can not create pods that reference {text}")


def _check_owner(
    attributes: AdmissionAttributes, node: str, owners: list[Object], reader: Reader
) -> None:
    shown = quote(node)
    if len(owners) > 1:
        raise attributes.forbidden(
            f"node {shown} can only create pods with a single owner reference set to itself"
        )
    owner = owners[0] if owners else {}
    identity = owner.get("apiVersion"), owner.get("kind"), owner.get("name")
    if identity != ("v1", "Node", node):
        raise attributes.forbidden(
            f"node {shown} can only create pods with an owner reference set to itself"
        )
    if not owner.get("controller"):
        raise attributes.forbidden(
            f"node {shown} can only create pods with a controller owner reference set to itself"
        )
    if owner.get("blockOwnerDeletion"):
        raise attributes.forbidden(
            f"node {shown} must not set blockOwnerDeletion on an owner reference"
        )
    existing = reader.get(NODES, "", node)
    if existing is None:
        raise NotFound.of(GroupResource("", "nodes"), node)
    uid = existing["metadata"].get("uid", "")
    if uid != owner.get("uid"):
        raise attributes.forbidden(
            f"node {node} UID mismatch: expected {uid} got {owner.get('uid', '')}"
        )


def _check_pod_status(attributes: AdmissionAttributes, node: str) -> None:
    pod, old, shown = attributes.object, attributes.old_object, quote(node)
    if attributes.operation != UPDATE or pod is None or old is None:
        raise attributes.forbidden(f"unexpected operation {quote(attributes.operation)}")
    if (old.get("spec") or {}).get("nodeName") != node:
        whose = "for pods with spec.nodeName set to itself"
        raise attributes.forbidden(f"node {shown} can only update pod status {whose}")
    if (pod["metadata"].get("labels") or {}) != (old["metadata"].get("labels") or {}):
        raise attributes.forbidden(f"node {shown} cannot update labels through pod status")
    claims = "resourceClaimStatuses"
    if _status(pod).get(claims) != _status(old).get(claims):
        raise attributes.forbidden(f"node {shown} cannot update resource claim statuses")


def _status(document: Object) -> Object:
    status: Object = document.get("status") or {}
    return status


def _check_node(attributes: AdmissionAttributes, node: str, reader: Reader) -> None:
    document, old, shown = attributes.object, attributes.old_object, quote(node)
    name = attributes.name
    if attributes.operation == CREATE and document is not None:
        labels = forbidden_labels(document["metadata"].get("labels") or {}, {})
        if labels:
            listed = ", ".join(labels)
            raise attributes.forbidden(f"is not allowed to set the following labels: {listed}")
        name = name or document["metadata"].get("name", "")
    if name != node:
        raise attributes.forbidden(f"node {shown} is not allowed to modify node {quote(name)}")
    if attributes.operation != UPDATE or document is None or old is None:
        return
    if _taints(document) != _taints(old):
        raise attributes.forbidden(f"node {shown} is not allowed to modify taints")
    metadata, before = document["metadata"], old["metadata"]
    labels = forbidden_labels(metadata.get("labels") or {}, before.get("labels") or {})
    if labels:
        raise attributes.forbidden(f"is not allowed to modify labels: {', '.join(labels)}")
    owners = "ownerReferences"
    if (metadata.get(owners) or []) != (before.get(owners) or []):
        raise attributes.forbidden(f"node {shown} is not allowed to modify ownerReferences")


def _taints(node: Object) -> list[Object]:
    return (node.get("spec") or {}).get("taints") or []


def _check_claim(attributes: AdmissionAttributes, node: str, reader: Reader) -> None:
    document, old = attributes.object, attributes.old_object
    if attributes.subresource != "status":
        raise attributes.forbidden("may only update PVC status")
    if attributes.operation != UPDATE or document is None or old is None:
        raise attributes.forbidden(f"unexpected operation {quote(attributes.operation)}")
    if _beside_size(document) != _beside_size(old):
        raise attributes.forbidden(
            f"node {quote(node)} is not allowed to update fields other than status.quantity and "
            "status.conditions"
        )


def _beside_size(claim: Object) -> Object:
    ignored = ("managedFields", "resourceVersion", "generation")
    metadata = {key: v for key, v in claim["metadata"].items() if key not in ignored}
    status = {key: v for key, v in _status(claim).items() if key not in _CLAIM_STATUS}
    return {**claim, "metadata": metadata, "status": status}


def _check_lease(attributes: AdmissionAttributes, node: str, reader: Reader) -> None:
    if attributes.namespace != LEASE_NAMESPACE:
        raise attributes.forbidden(
            f"can only access leases in the {quote(LEASE_NAMESPACE)} system namespace"
        )
    _check_name(attributes, node, "node lease")


def _check_csi_node(attributes: AdmissionAttributes, node: str, reader: Reader) -> None:
    _check_name(attributes, node, "CSINode")


def _check_name(attributes: AdmissionAttributes, node: str, what: str) -> None:
    name = attributes.name
    if attributes.operation == CREATE and attributes.object is not None:
        name = attributes.object["metadata"].get("name", "")
    if name != node:
        raise attributes.forbidden(
            f"can only access {what} with the same name as the requesting node"
        )


def _check_slice(attributes: AdmissionAttributes, node: str, reader: Reader) -> None:
    document = attributes.object
    if attributes.operation != CREATE or document is None:
        # The authorizer knows whose slice it is.
        return
    if (document.get("spec") or {}).get("nodeName") != node:
        raise attributes.forbidden(
            "can only create ResourceSlice with the same NodeName as the requesting node"
        )


def _check_request(attributes: AdmissionAttributes, node: str, reader: Reader) -> None:
    document = attributes.object
    if attributes.operation != CREATE or attributes.subresource or document is None:
        return
    spec = document.get("spec") or {}
    if spec.get("signerName") not in _SIGNERS:
        return
    # Imported late: it is slow to import and rarely needed.
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        request = x509.load_pem_x509_csr(b64decode(spec.get("request") or ""))
    except ValueError as error:
        raise attributes.forbidden(f"unable to parse csr: {error}") from error
    names = [name.value for name in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [attributes.user.name]:
        raise attributes.forbidden(f"can only create a node CSR with CN={attributes.user.name}")


_Check = Callable[[AdmissionAttributes, str, Reader], None]
_ACCOUNTS: Final = ("", "serviceaccounts")
_CHECKS: Final[Mapping[tuple[str, str], _Check]] = {
    ("", "pods"): _check_pod,
    ("", "nodes"): _check_node,
    ("", "persistentvolumeclaims"): _check_claim,
    ("coordination.k8s.io", "leases"): _check_lease,
    ("storage.k8s.io", "csinodes"): _check_csi_node,
    ("resource.k8s.io", "resourceslices"): _check_slice,
    ("certificates.k8s.io", "certificatesigningrequests"): _check_request,
}
