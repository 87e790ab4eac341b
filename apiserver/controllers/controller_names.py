"""The names of kube-controller-manager's controllers, and their selection by ``--controllers``.

See the reference of kube-controller-manager v1.36, option ``--controllers``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

BOOTSTRAP_SIGNER: Final = "bootstrap-signer-controller"
CSR_APPROVING: Final = "certificatesigningrequest-approving-controller"
CSR_CLEANER: Final = "certificatesigningrequest-cleaner-controller"
CSR_SIGNING: Final = "certificatesigningrequest-signing-controller"
CLUSTER_ROLE_AGGREGATION: Final = "clusterrole-aggregation-controller"
DISRUPTION: Final = "disruption-controller"
ENDPOINTS: Final = "endpoints-controller"
ENDPOINT_SLICE: Final = "endpointslice-controller"
ENDPOINT_SLICE_MIRRORING: Final = "endpointslice-mirroring-controller"
GARBAGE_COLLECTOR: Final = "garbage-collector-controller"
LEGACY_TOKEN_CLEANER: Final = "legacy-serviceaccount-token-cleaner-controller"
NAMESPACE: Final = "namespace-controller"
CLAIM_PROTECTION: Final = "persistentvolumeclaim-protection-controller"
VOLUME_PROTECTION: Final = "persistentvolume-protection-controller"
RESOURCE_QUOTA: Final = "resourcequota-controller"
ROOT_CA_PUBLISHER: Final = "root-ca-certificate-publisher-controller"
SERVICE_ACCOUNT: Final = "serviceaccount-controller"
SERVICE_ACCOUNT_TOKEN: Final = "serviceaccount-token-controller"
TOKEN_CLEANER: Final = "token-cleaner-controller"
ATTRIBUTES_CLASS_PROTECTION: Final = "volumeattributesclass-protection-controller"
POLICY_STATUS: Final = "validatingadmissionpolicy-status-controller"

#: The controllers of this server.
IMPLEMENTED: Final = (
    BOOTSTRAP_SIGNER, CSR_APPROVING, CSR_CLEANER, CSR_SIGNING, CLUSTER_ROLE_AGGREGATION,
    DISRUPTION, ENDPOINTS, ENDPOINT_SLICE,
    ENDPOINT_SLICE_MIRRORING, GARBAGE_COLLECTOR, LEGACY_TOKEN_CLEANER, NAMESPACE,
    CLAIM_PROTECTION, VOLUME_PROTECTION, RESOURCE_QUOTA, ROOT_CA_PUBLISHER, SERVICE_ACCOUNT,
    SERVICE_ACCOUNT_TOKEN, TOKEN_CLEANER, ATTRIBUTES_CLASS_PROTECTION, POLICY_STATUS,
)  # fmt: skip
#: Those that ``*`` does not enable.
OFF_BY_DEFAULT: Final = frozenset([BOOTSTRAP_SIGNER, TOKEN_CLEANER])
#: The controllers that only kube-controller-manager itself has.
NOT_IMPLEMENTED: Final = frozenset(
    """
    cloud-node-lifecycle-controller cronjob-controller daemonset-controller deployment-controller
    device-taint-eviction-controller ephemeral-volume-controller
    horizontal-pod-autoscaler-controller job-controller
    kube-apiserver-serving-clustertrustbundle-publisher-controller
    node-ipam-controller node-lifecycle-controller
    node-route-controller persistentvolume-attach-detach-controller
    persistentvolume-binder-controller persistentvolume-expander-controller
    pod-garbage-collector-controller podcertificaterequest-cleaner-controller
    replicaset-controller replicationcontroller-controller resourceclaim-controller
    resourcepoolstatusrequest-controller selinux-warning-controller service-cidr-controller
    service-lb-controller statefulset-controller
    storage-version-migrator-controller storageversion-garbage-collector-controller
    taint-eviction-controller ttl-after-finished-controller ttl-controller
    """.split()
)
#: Former names, which are still accepted.
_ALIASES: Final[Mapping[str, str]] = {
    "attachdetach": "persistentvolume-attach-detach-controller",
    "bootstrapsigner": BOOTSTRAP_SIGNER,
    "cloud-node-lifecycle": "cloud-node-lifecycle-controller",
    "clusterrole-aggregation": CLUSTER_ROLE_AGGREGATION,
    "cronjob": "cronjob-controller",
    "csrapproving": CSR_APPROVING,
    "csrcleaner": CSR_CLEANER,
    "csrsigning": CSR_SIGNING,
    "daemonset": "daemonset-controller",
    "deployment": "deployment-controller",
    "disruption": DISRUPTION,
    "endpoint": ENDPOINTS,
    "endpointslice": ENDPOINT_SLICE,
    "endpointslicemirroring": ENDPOINT_SLICE_MIRRORING,
    "ephemeral-volume": "ephemeral-volume-controller",
    "garbagecollector": GARBAGE_COLLECTOR,
    "horizontalpodautoscaling": "horizontal-pod-autoscaler-controller",
    "job": "job-controller",
    "legacy-service-account-token-cleaner": LEGACY_TOKEN_CLEANER,
    "namespace": NAMESPACE,
    "nodeipam": "node-ipam-controller",
    "nodelifecycle": "node-lifecycle-controller",
    "persistentvolume-binder": "persistentvolume-binder-controller",
    "persistentvolume-expander": "persistentvolume-expander-controller",
    "podgc": "pod-garbage-collector-controller",
    "pv-protection": VOLUME_PROTECTION,
    "pvc-protection": CLAIM_PROTECTION,
    "replicaset": "replicaset-controller",
    "replicationcontroller": "replicationcontroller-controller",
    "resource-claim-controller": "resourceclaim-controller",
    "resourcequota": RESOURCE_QUOTA,
    "root-ca-cert-publisher": ROOT_CA_PUBLISHER,
    "route": "node-route-controller",
    "service": "service-lb-controller",
    "serviceaccount": SERVICE_ACCOUNT,
    "serviceaccount-token": SERVICE_ACCOUNT_TOKEN,
    "statefulset": "statefulset-controller",
    "storage-version-gc": "storageversion-garbage-collector-controller",
    "tokencleaner": TOKEN_CLEANER,
    "ttl": "ttl-controller",
    "ttl-after-finished": "ttl-after-finished-controller",
    "validatingadmissionpolicy-status": POLICY_STATUS,
}
_ALL: Final = "*"


def selected_controllers(given: Iterable[str], known: Sequence[str] = IMPLEMENTED) -> list[str]:
    """Return the ``known`` controllers that the value of ``--controllers`` enables.

    ``name`` enables a controller, ``-name`` disables it, ``*`` enables all others that are not off
    by default, and ``-*`` disables them. The first mention of a name counts.
    """
    chosen: dict[str, bool] = {}
    for text in given:
        chosen.setdefault(_name(text), not text.startswith("-"))
    everything = chosen.pop(_ALL, False)
    return [name for name in known if chosen.get(name, everything and name not in OFF_BY_DEFAULT)]


def unknown_controllers(given: Iterable[str]) -> list[str]:
    """Return the names in the value of ``--controllers`` that are those of no controller."""
    known = {_ALL, *IMPLEMENTED, *NOT_IMPLEMENTED}
    return [text.removeprefix("-") for text in given if _name(text) not in known]


def missing_controllers(given: Iterable[str]) -> list[str]:
    """Return the controllers that ``--controllers`` enables by name and that do not exist here."""
    given = list(given)
    return [
        name
        for name in selected_controllers(given, sorted(NOT_IMPLEMENTED))
        if name in map(_name, given)
    ]


def _name(text: str) -> str:
    name = text.removeprefix("-")
    return _ALIASES.get(name, name)
