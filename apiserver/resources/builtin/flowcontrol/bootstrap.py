"""The FlowSchemas and PriorityLevelConfigurations that every cluster has: KEP-1040.

``exempt`` and ``catch-all`` are mandatory, the others suggested. They carry an annotation by which
an administrator may take them over: with ``"false"`` the server does not update their spec.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.objects import Object

API_VERSION: Final = "flowcontrol.apiserver.k8s.io/v1"
AUTOUPDATE: Final = {"apf.kubernetes.io/autoupdate-spec": "true"}

# Shares, percentage that may be lent, and queues, hand size and length of queues.
_LIMITED: Final = {
    "catch-all": (5, 0, None),
    "global-default": (20, 50, (128, 6, 50)),
    "leader-election": (10, 0, (16, 4, 50)),
    "node-high": (40, 25, (64, 6, 50)),
    "system": (30, 33, (64, 6, 50)),
    "workload-high": (40, 50, (128, 6, 50)),
    "workload-low": (100, 90, (128, 6, 50)),
}

_EVERYTHING: Final = {
    "resourceRules": [
        {
            "verbs": ["*"],
            "apiGroups": ["*"],
            "resources": ["*"],
            "clusterScope": True,
            "namespaces": ["*"],
        }
    ],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
}
_PROBES: Final = {
    "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]}]
}


def _user(name: str) -> Object:
    return {"kind": "User", "user": {"name": name}}


def _group(name: str) -> Object:
    return {"kind": "Group", "group": {"name": name}}


def _account(name: str) -> Object:
    account = {"namespace": "kube-system", "name": name}
    return {"kind": "ServiceAccount", "serviceAccount": account}


def _namespaced(verbs: list[str], group: str, *resources: str) -> dict[str, Any]:
    return {
        "verbs": verbs,
        "apiGroups": [group],
        "resources": list(resources),
        "namespaces": ["*"],
    }


_CONTROLLER_MANAGER: Final = _user("system:kube-controller-manager")
_SCHEDULER: Final = _user("system:kube-scheduler")
_EVERY_ACCOUNT: Final = _account("*")
_EVERYBODY: Final = [_group("system:unauthenticated"), _group("system:authenticated")]
_ELECT: Final = ["get", "create", "update"]
_LEASES: Final = _namespaced(_ELECT, "coordination.k8s.io", "leases")
_LEGACY_LOCKS: Final = _namespaced(_ELECT, "", "endpoints", "configmaps")
_NODE_RULES: Final = [
    {**_namespaced(["*"], "", "nodes", "nodes/status"), "clusterScope": True},
    _namespaced(["*"], "coordination.k8s.io", "leases"),
]

# Name: priority level, matching precedence, distinguisher, subjects and rules.
_SCHEMAS: Final[dict[str, tuple[str, int, str, list[Object], dict[str, Any]]]] = {
    "exempt": ("exempt", 1, "", [_group("system:masters")], _EVERYTHING),
    "catch-all": ("catch-all", 10000, "ByUser", _EVERYBODY, _EVERYTHING),
    "probes": ("exempt", 2, "", _EVERYBODY, _PROBES),
    "system-leader-election": (
        "leader-election", 100, "ByUser", [_CONTROLLER_MANAGER, _SCHEDULER, _EVERY_ACCOUNT],
        {"resourceRules": [_LEASES]},
    ),
    "endpoint-controller": (
        "workload-high", 150, "ByUser",
        [
            _CONTROLLER_MANAGER,
            _account("endpoint-controller"),
            _account("endpointslicemirroring-controller"),
        ],
        {"resourceRules": [_namespaced(_ELECT, "", "endpoints")]},
    ),
    "workload-leader-election": (
        "leader-election", 200, "ByUser", [_EVERY_ACCOUNT],
        {"resourceRules": [_LEGACY_LOCKS, _LEASES]},
    ),
    "system-node-high": (
        "node-high", 400, "ByUser", [_group("system:nodes")], {"resourceRules": _NODE_RULES}
    ),
    "system-nodes": ("system", 500, "ByUser", [_group("system:nodes")], _EVERYTHING),
    "kube-controller-manager": (
        "workload-high", 800, "ByNamespace", [_CONTROLLER_MANAGER], _EVERYTHING
    ),
    "kube-scheduler": ("workload-high", 800, "ByNamespace", [_SCHEDULER], _EVERYTHING),
    "kube-system-service-accounts": (
        "workload-high", 900, "ByNamespace", [_EVERY_ACCOUNT], _EVERYTHING
    ),
    "service-accounts": (
        "workload-low", 9000, "ByUser", [_group("system:serviceaccounts")], _EVERYTHING
    ),
    "global-default": ("global-default", 9900, "ByUser", _EVERYBODY, _EVERYTHING),
}  # fmt: skip


def bootstrap_priority_levels() -> list[Object]:
    """Return the PriorityLevelConfigurations of a new cluster."""
    exempt = {"nominalConcurrencyShares": 0, "lendablePercent": 0}
    specs: dict[str, Object] = {"exempt": {"type": "Exempt", "exempt": exempt}}
    for name, (shares, lendable, queuing) in _LIMITED.items():
        response: Object = {"type": "Reject"}
        if queuing is not None:
            queues, hand_size, length = queuing
            limits = {"queues": queues, "handSize": hand_size, "queueLengthLimit": length}
            response = {"type": "Queue", "queuing": limits}
        limited = {
            "nominalConcurrencyShares": shares,
            "limitResponse": response,
            "lendablePercent": lendable,
        }
        specs[name] = {"type": "Limited", "limited": limited}
    return [_object("PriorityLevelConfiguration", name, spec) for name, spec in specs.items()]


def bootstrap_flow_schemas() -> list[Object]:
    """Return the FlowSchemas of a new cluster."""
    found = []
    for name, (level, precedence, distinguisher, subjects, rules) in _SCHEMAS.items():
        spec: Object = {
            "priorityLevelConfiguration": {"name": level},
            "matchingPrecedence": precedence,
        }
        if distinguisher:
            spec["distinguisherMethod"] = {"type": distinguisher}
        spec["rules"] = [{"subjects": subjects, **rules}]
        found.append(_object("FlowSchema", name, spec))
    return found


def _object(kind: str, name: str, spec: Object) -> Object:
    metadata = {"name": name, "annotations": dict(AUTOUPDATE)}
    head = {"kind": kind, "apiVersion": API_VERSION, "metadata": metadata}
    return {**head, "spec": spec, "status": {}}
