"""NodeAuthorizer: the rights of kubelets, which depend on the Pods of their node.

A kubelet is a user ``system:node:NAME`` of the group system:nodes. What the NodeRestriction
admission plugin limits further, such as the creation of Pods, is allowed here. Everything else that
the role system:node allows is allowed as well. The authorizer never denies: a kubelet may have more
rights by RBAC. Source of the rules: the documentation page "Using Node Authorization".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from apiserver.access.authorization.authorizer import (
    ALLOWED,
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
    Verdict,
)
from apiserver.access.authorization.node_graph import NodeGraph
from apiserver.access.authorization.policy_rules import CompiledRules, PathProbe, Probe
from apiserver.access.authorization.resolved_rules import Rules
from apiserver.machinery.users import UserInfo

NODES_GROUP: Final = "system:nodes"
NODE_PREFIX: Final = "system:node:"
LEASE_NAMESPACE: Final = "kube-node-lease"
_READS: Final = ("get", "list", "watch")
_OWN_VERBS: Final = ("get", "create", "update", "patch", "delete")
_NODE_NAME: Final = "spec.nodeName"


def node_of(user: UserInfo) -> str | None:
    """Return the node of a kubelet, which may be empty; ``None`` for another user."""
    if NODES_GROUP in user.groups and user.name.startswith(NODE_PREFIX):
        return user.name.removeprefix(NODE_PREFIX)
    return None


class NodeAuthorizer:
    """Decides by a graph; ``rules`` are those of the role system:node."""

    def __init__(self, graph: NodeGraph, rules: CompiledRules) -> None:
        self.graph = graph
        self._rules = rules

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        """Allow what the node of the user needs."""
        node = node_of(attributes.user)
        if node is None:
            return NO_OPINION
        if not node:
            return _no(f'unknown node for user "{attributes.user.name}"')
        if attributes.is_resource_request:
            check = _CHECKS.get((attributes.group, attributes.resource))
            if check is not None:
                return check(self.graph, node, attributes)
        return ALLOWED if self._allows(attributes) else NO_OPINION

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """Return that the rules of nodes cannot be listed."""
        if node_of(user) is None:
            return Rules()
        return Rules(
            incomplete=True, errors=["node authorizer does not support user rule resolution"]
        )

    def _allows(self, attributes: AuthorizationAttributes) -> bool:
        if not attributes.is_resource_request:
            return self._rules.allows_path(PathProbe(attributes.verb, attributes.path))
        resource = attributes.resource
        if attributes.subresource:
            resource = f"{resource}/{attributes.subresource}"
        return self._rules.allows(
            Probe(attributes.verb, attributes.group, resource, attributes.name)
        )


def _no(reason: str) -> AuthorizationDecision:
    return AuthorizationDecision(Verdict.NO_OPINION, reason)


def _related(
    graph: NodeGraph, node: str, attributes: AuthorizationAttributes
) -> AuthorizationDecision:
    if not attributes.name:
        return _no("No Object name found")
    vertex = attributes.resource, attributes.namespace, attributes.name
    if graph.needs(node, vertex):
        return ALLOWED
    return _no(f"no relationship found between node '{node}' and this object")


def _read(
    graph: NodeGraph, node: str, attributes: AuthorizationAttributes
) -> AuthorizationDecision:
    if attributes.verb not in _READS:
        return _no("can only read resources of this type")
    if attributes.subresource:
        return _no("cannot read subresource")
    if not attributes.namespace:
        return _no("can only read namespaced object of this type")
    return _related(graph, node, attributes)


def _get(graph: NodeGraph, node: str, attributes: AuthorizationAttributes) -> AuthorizationDecision:
    if attributes.verb != "get":
        return _no("can only get individual resources of this type")
    if attributes.subresource:
        return _no("cannot get subresource")
    return _related(graph, node, attributes)


def _claim(
    graph: NodeGraph, node: str, attributes: AuthorizationAttributes
) -> AuthorizationDecision:
    if attributes.subresource != "status":
        return _get(graph, node, attributes)
    if attributes.verb not in ("get", "update", "patch"):
        return _no("can only get/update/patch this type")
    return _related(graph, node, attributes)


def _service_account(
    graph: NodeGraph, node: str, attributes: AuthorizationAttributes
) -> AuthorizationDecision:
    if attributes.verb == "get" and not attributes.subresource:
        return _related(graph, node, attributes)
    if attributes.verb != "create" or not attributes.name:
        return _no("can only create tokens for individual service accounts")
    if attributes.subresource != "token":
        return _no("can only create token subresource of serviceaccount")
    return _related(graph, node, attributes)


def _lease(
    graph: NodeGraph, node: str, attributes: AuthorizationAttributes
) -> AuthorizationDecision:
    if attributes.verb not in _OWN_VERBS:
        return _no("can only get, create, update, patch, or delete a node lease")
    if attributes.namespace != LEASE_NAMESPACE:
        return _no(f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
    # The name of a new object is not known here.
    if attributes.verb != "create" and attributes.name != node:
        return _no("can only access node lease with the same name as the requesting node")
    return ALLOWED


def _csi_node(
    graph: NodeGraph, node: str, attributes: AuthorizationAttributes
) -> AuthorizationDecision:
    if attributes.verb not in _OWN_VERBS:
        return _no("can only get, create, update, patch, or delete a CSINode")
    if attributes.subresource:
        return _no("cannot authorize CSINode subresources")
    if attributes.verb != "create" and attributes.name != node:
        return _no("can only access CSINode with the same name as the requesting node")
    return ALLOWED


def _resource_slice(
    graph: NodeGraph, node: str, attributes: AuthorizationAttributes
) -> AuthorizationDecision:
    verb = attributes.verb
    if attributes.subresource:
        return _no("cannot authorize ResourceSlice subresources")
    if verb == "create":
        return ALLOWED
    if verb in ("get", "update", "patch", "delete"):
        return _related(graph, node, attributes)
    if verb in ("list", "watch", "deletecollection"):
        if _selects(attributes, node):
            return ALLOWED
        return _no(
            "can only list/watch/deletecollection resourceslices with nodeName field selector"
        )
    return _no(
        "only the following verbs are allowed for a ResourceSlice: "
        "get, watch, list, create, update, patch, delete, deletecollection"
    )


def _node(
    graph: NodeGraph, node: str, attributes: AuthorizationAttributes
) -> AuthorizationDecision:
    verb = attributes.verb
    if attributes.subresource == "status":
        return ALLOWED if verb in ("update", "patch") else NO_OPINION
    if attributes.subresource:
        return NO_OPINION
    if verb in ("create", "update", "patch"):
        return ALLOWED
    if verb not in _READS:
        return NO_OPINION
    if attributes.name == node:
        return ALLOWED
    whom = f"'{attributes.name}'" if attributes.name else "all nodes"
    return _no(f"node '{node}' cannot read {whom}, only its own Node object")


def _pod(graph: NodeGraph, node: str, attributes: AuthorizationAttributes) -> AuthorizationDecision:
    verb, subresource = attributes.verb, attributes.subresource
    if subresource:
        allowed = (subresource, verb) in (
            ("status", "update"),
            ("status", "patch"),
            ("eviction", "create"),
        )
        return ALLOWED if allowed else NO_OPINION
    if verb == "get":
        return _get(graph, node, attributes)
    if verb in ("list", "watch"):
        if _selects(attributes, node):
            return ALLOWED
        if attributes.name:
            return _related(graph, node, attributes)
        return _no("can only list/watch pods with spec.nodeName field selector")
    return ALLOWED if verb in ("create", "delete") else NO_OPINION


def _selects(attributes: AuthorizationAttributes, node: str) -> bool:
    return attributes.fields is not None and attributes.fields.required(_NODE_NAME) == node


_Check = Callable[[NodeGraph, str, AuthorizationAttributes], AuthorizationDecision]
_CHECKS: Final[Mapping[tuple[str, str], _Check]] = {
    ("", "secrets"): _read,
    ("", "configmaps"): _read,
    ("", "persistentvolumeclaims"): _claim,
    ("", "persistentvolumes"): _get,
    ("", "serviceaccounts"): _service_account,
    ("", "nodes"): _node,
    ("", "pods"): _pod,
    ("resource.k8s.io", "resourceclaims"): _get,
    ("resource.k8s.io", "resourceslices"): _resource_slice,
    ("storage.k8s.io", "volumeattachments"): _get,
    ("storage.k8s.io", "csinodes"): _csi_node,
    ("coordination.k8s.io", "leases"): _lease,
}
