"""Which built-in kinds have behaviour: one explicit table; the others have a plain Strategy."""

from __future__ import annotations

from collections.abc import Mapping

from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.names import (
    dns1123_label_problems,
    path_segment_problems,
)
from apiserver.resources.builtin.core.namespaces import NamespaceStrategy
from apiserver.resources.builtin.fields import SELECTABLE
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.strategy import Strategy

_STRATEGIES: Mapping[GroupResource, type[Strategy]] = {
    GroupResource("", "namespaces"): NamespaceStrategy,
}

_RBAC = "rbac.authorization.k8s.io"
_ROLES = tuple(
    GroupResource(_RBAC, name)
    for name in ("roles", "clusterroles", "rolebindings", "clusterrolebindings")
)

_NAME_RULES = {
    GroupResource("", "namespaces"): dns1123_label_problems,
    GroupResource("", "services"): dns1123_label_problems,
    GroupResource("apps", "statefulsets"): dns1123_label_problems,
    GroupResource("certificates.k8s.io", "certificatesigningrequests"): path_segment_problems,
    GroupResource("apiregistration.k8s.io", "apiservices"): path_segment_problems,
    **dict.fromkeys(_ROLES, path_segment_problems),
}

_CREATE_ON_UPDATE = frozenset(
    [
        GroupResource("", "services"),
        GroupResource("", "endpoints"),
        GroupResource("", "events"),
        GroupResource("events.k8s.io", "events"),
        GroupResource("", "limitranges"),
        GroupResource("coordination.k8s.io", "leases"),
        GroupResource("node.k8s.io", "runtimeclasses"),
        *_ROLES,
    ]
)

_ADMISSION = "admissionregistration.k8s.io"
_NEEDS_VERSION = frozenset(
    [
        GroupResource("apiextensions.k8s.io", "customresourcedefinitions"),
        GroupResource("apiregistration.k8s.io", "apiservices"),
        GroupResource("coordination.k8s.io", "leases"),
        GroupResource("policy", "poddisruptionbudgets"),
        GroupResource("node.k8s.io", "runtimeclasses"),
        GroupResource("storage.k8s.io", "csidrivers"),
        GroupResource("storage.k8s.io", "csinodes"),
        GroupResource("storage.k8s.io", "csistoragecapacities"),
        GroupResource("storage.k8s.io", "volumeattachments"),
        GroupResource(_ADMISSION, "mutatingwebhookconfigurations"),
        GroupResource(_ADMISSION, "validatingwebhookconfigurations"),
        GroupResource(_ADMISSION, "validatingadmissionpolicies"),
        GroupResource(_ADMISSION, "validatingadmissionpolicybindings"),
        GroupResource(_ADMISSION, "mutatingadmissionpolicies"),
        GroupResource(_ADMISSION, "mutatingadmissionpolicybindings"),
    ]
)

_RETURNED_WHEN_DELETED = frozenset(
    [
        *(
            GroupResource("", name)
            for name in (
                "namespaces",
                "pods",
                "services",
                "persistentvolumes",
                "persistentvolumeclaims",
                "podtemplates",
                "resourcequotas",
                "serviceaccounts",
            )
        ),
        *(
            GroupResource("storage.k8s.io", name)
            for name in (
                "csidrivers",
                "csinodes",
                "storageclasses",
                "volumeattachments",
                "volumeattributesclasses",
            )
        ),
        *(
            GroupResource("resource.k8s.io", name)
            for name in (
                "deviceclasses",
                "resourceclaims",
                "resourceclaimtemplates",
                "resourceslices",
            )
        ),
    ]
)


def strategy_of(definition: ResourceDefinition) -> Strategy:
    """Return what objects of a resource do."""
    resource = definition.group_resource
    strategy = _STRATEGIES.get(resource, Strategy)(definition)
    strategy.name_problems = _NAME_RULES.get(resource, strategy.name_problems)
    strategy.fields = SELECTABLE.get(resource, strategy.fields)
    strategy.allow_create_on_update = resource in _CREATE_ON_UPDATE
    strategy.allow_unconditional_update = resource not in _NEEDS_VERSION
    strategy.returns_deleted_object = resource in _RETURNED_WHEN_DELETED
    return strategy
