"""Built-in resources that the server refers to by name."""

from __future__ import annotations

from typing import Final

from apiserver.machinery.gvk import GroupVersionResource

CONFIG_MAPS: Final = GroupVersionResource("", "v1", "configmaps")
LIMIT_RANGES: Final = GroupVersionResource("", "v1", "limitranges")
NAMESPACES: Final = GroupVersionResource("", "v1", "namespaces")
NODES: Final = GroupVersionResource("", "v1", "nodes")
CLAIMS: Final = GroupVersionResource("", "v1", "persistentvolumeclaims")
VOLUMES: Final = GroupVersionResource("", "v1", "persistentvolumes")
PODS: Final = GroupVersionResource("", "v1", "pods")
QUOTAS: Final = GroupVersionResource("", "v1", "resourcequotas")
SECRETS: Final = GroupVersionResource("", "v1", "secrets")
SERVICES: Final = GroupVersionResource("", "v1", "services")
SERVICE_ACCOUNTS: Final = GroupVersionResource("", "v1", "serviceaccounts")
DISRUPTION_BUDGETS: Final = GroupVersionResource("policy", "v1", "poddisruptionbudgets")
CLUSTER_ROLES: Final = GroupVersionResource("rbac.authorization.k8s.io", "v1", "clusterroles")
LEASES: Final = GroupVersionResource("coordination.k8s.io", "v1", "leases")
EVENTS: Final = GroupVersionResource("", "v1", "events")
DEPLOYMENTS: Final = GroupVersionResource("apps", "v1", "deployments")
REPLICA_SETS: Final = GroupVersionResource("apps", "v1", "replicasets")
FLOW_SCHEMAS: Final = GroupVersionResource("flowcontrol.apiserver.k8s.io", "v1", "flowschemas")
PRIORITY_LEVELS: Final = GroupVersionResource(
    "flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations"
)
REQUESTS: Final = GroupVersionResource("certificates.k8s.io", "v1", "certificatesigningrequests")
INGRESSES: Final = GroupVersionResource("networking.k8s.io", "v1", "ingresses")
INGRESS_CLASSES: Final = GroupVersionResource("networking.k8s.io", "v1", "ingressclasses")
RUNTIME_CLASSES: Final = GroupVersionResource("node.k8s.io", "v1", "runtimeclasses")
PRIORITY_CLASSES: Final = GroupVersionResource("scheduling.k8s.io", "v1", "priorityclasses")
STORAGE_CLASSES: Final = GroupVersionResource("storage.k8s.io", "v1", "storageclasses")
ATTRIBUTES_CLASSES: Final = GroupVersionResource("storage.k8s.io", "v1", "volumeattributesclasses")

MIRROR_POD: Final = "kubernetes.io/config.mirror"
