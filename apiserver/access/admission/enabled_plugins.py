"""The admission plugins that run, and their order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apiserver.access.admission.chain import Plugin
from apiserver.access.admission.plugins.certificates import (
    CertificateApproval,
    CertificateSigning,
    CertificateSubjectRestriction,
)
from apiserver.access.admission.plugins.default_ingress_class import DefaultIngressClass
from apiserver.access.admission.plugins.default_storage_class import DefaultStorageClass
from apiserver.access.admission.plugins.default_toleration_seconds import (
    DefaultTolerationSeconds,
)
from apiserver.access.admission.plugins.limit_ranger import LimitRanger
from apiserver.access.admission.plugins.mutating_admission_policy import (
    MutatingAdmissionPolicy,
)
from apiserver.access.admission.plugins.mutating_admission_webhook import (
    MutatingAdmissionWebhook,
)
from apiserver.access.admission.plugins.namespace_lifecycle import (
    NamespaceLifecycle,
    ProtectedNamespaces,
)
from apiserver.access.admission.plugins.node_restriction import NodeRestriction
from apiserver.access.admission.plugins.persistent_volume_claim_resize import (
    PersistentVolumeClaimResize,
)
from apiserver.access.admission.plugins.pod_security import (
    PodSecurityOfNamespaces,
    PodSecurityOfPods,
    PodSecurityOfWorkloads,
)
from apiserver.access.admission.plugins.pod_topology_labels import PodTopologyLabels
from apiserver.access.admission.plugins.priority import PodPriority, SingleGlobalDefault
from apiserver.access.admission.plugins.resource_quota import ResourceQuota
from apiserver.access.admission.plugins.runtime_class import RuntimeClass
from apiserver.access.admission.plugins.service_account import ServiceAccount
from apiserver.access.admission.plugins.storage_object_in_use_protection import (
    StorageObjectInUseProtection,
)
from apiserver.access.admission.plugins.taint_nodes_by_condition import TaintNodesByCondition
from apiserver.access.admission.plugins.validating_admission_policy import (
    ValidatingAdmissionPolicy,
)
from apiserver.access.admission.plugins.validating_admission_webhook import (
    ValidatingAdmissionWebhook,
)
from apiserver.access.admission.policies.policy_dependencies import PolicyDependencies
from apiserver.access.admission.policies.policy_index import PolicyIndex
from apiserver.access.admission.webhook_calls import WebhookDependencies
from apiserver.access.admission.webhooks import WebhookConfigurations
from apiserver.access.authorization.authorizer import Authorizer
from apiserver.machinery.quoting import quote

#: All plugins of Kubernetes, in the order in which they run.
ORDER: Final = tuple(
    """
    AlwaysAdmit NamespaceAutoProvision NamespaceLifecycle NamespaceExists
    LimitPodHardAntiAffinityTopology LimitRanger ServiceAccount NodeRestriction
    TaintNodesByCondition AlwaysPullImages ImagePolicyWebhook PodSecurity PodNodeSelector Priority
    DefaultTolerationSeconds PodTolerationRestriction EventRateLimit ExtendedResourceToleration
    DefaultStorageClass StorageObjectInUseProtection OwnerReferencesPermissionEnforcement
    PersistentVolumeClaimResize RuntimeClass CertificateApproval CertificateSigning
    ClusterTrustBundleAttest CertificateSubjectRestriction DefaultIngressClass
    DenyServiceExternalIPs PodTopologyLabels NodeDeclaredFeatureValidator MutatingAdmissionPolicy
    MutatingAdmissionWebhook ValidatingAdmissionPolicy ValidatingAdmissionWebhook ResourceQuota
    AlwaysDeny
    """.split()
)


@dataclass(frozen=True, slots=True)
class PluginDependencies:
    """What plugins are built with."""

    authorizer: Authorizer
    policies: PolicyDependencies
    validating_policies: PolicyIndex[Any]
    mutating_policies: PolicyIndex[Any]
    mutating_calls: WebhookDependencies
    validating_calls: WebhookDependencies
    mutating_webhooks: WebhookConfigurations
    validating_webhooks: WebhookConfigurations


# The plugins of this server; some consist of several parts.
_FACTORIES: Final[Mapping[str, Callable[[PluginDependencies], Sequence[Plugin]]]] = {
    "NamespaceLifecycle": lambda _: (NamespaceLifecycle(), ProtectedNamespaces()),
    "LimitRanger": lambda _: (LimitRanger(),),
    "ServiceAccount": lambda _: (ServiceAccount(),),
    "NodeRestriction": lambda dependencies: (NodeRestriction(dependencies.authorizer),),
    "TaintNodesByCondition": lambda _: (TaintNodesByCondition(),),
    "PodSecurity": lambda _: (
        PodSecurityOfPods(),
        PodSecurityOfWorkloads(),
        PodSecurityOfNamespaces(),
    ),
    "Priority": lambda _: (PodPriority(), SingleGlobalDefault()),
    "DefaultTolerationSeconds": lambda _: (DefaultTolerationSeconds(),),
    "DefaultStorageClass": lambda _: (DefaultStorageClass(),),
    "StorageObjectInUseProtection": lambda _: (StorageObjectInUseProtection(),),
    "PersistentVolumeClaimResize": lambda _: (PersistentVolumeClaimResize(),),
    "RuntimeClass": lambda _: (RuntimeClass(),),
    "CertificateApproval": lambda dependencies: (CertificateApproval(dependencies.authorizer),),
    "CertificateSigning": lambda dependencies: (CertificateSigning(dependencies.authorizer),),
    "CertificateSubjectRestriction": lambda _: (CertificateSubjectRestriction(),),
    "DefaultIngressClass": lambda _: (DefaultIngressClass(),),
    "PodTopologyLabels": lambda _: (PodTopologyLabels(),),
    "MutatingAdmissionPolicy": lambda dependencies: (
        MutatingAdmissionPolicy(dependencies.mutating_policies, dependencies.policies),
    ),
    "ValidatingAdmissionPolicy": lambda dependencies: (
        ValidatingAdmissionPolicy(dependencies.validating_policies, dependencies.policies),
    ),
    "MutatingAdmissionWebhook": lambda dependencies: (
        MutatingAdmissionWebhook(dependencies.mutating_webhooks, dependencies.mutating_calls),
    ),
    "ValidatingAdmissionWebhook": lambda dependencies: (
        ValidatingAdmissionWebhook(dependencies.validating_webhooks, dependencies.validating_calls),
    ),
    "ResourceQuota": lambda _: (ResourceQuota(),),
}


#: Those that run only if they are asked for.
_OFF: Final = frozenset(["NodeRestriction"])


class PluginFlagError(ValueError):
    """The flags name an unknown plugin, or enable and disable the same one."""


def enabled_plugins(enable: Collection[str], disable: Collection[str]) -> list[str]:
    """Return the names of the enabled plugins, in order. Raises PluginFlagError."""
    for flag, names in (("enable", enable), ("disable", disable)):
        for name in names:
            if name not in ORDER:
                raise PluginFlagError(f"{flag}-admission-plugins plugin {quote(name)} is unknown")
    both = sorted(set(enable) & set(disable))
    if both:
        raise PluginFlagError(
            f"[{' '.join(both)}] in enable-admission-plugins and disable-admission-plugins "
            "overlapped"
        )
    for name in enable:
        if name not in _FACTORIES:
            raise PluginFlagError(f"admission plugin {quote(name)} is not provided by this server")
    off = (_OFF - set(enable)) | set(disable)
    return [name for name in ORDER if name in _FACTORIES and name not in off]


def build_plugins(names: Sequence[str], dependencies: PluginDependencies) -> list[Plugin]:
    """Return the plugins of these names."""
    return [plugin for name in names for plugin in _FACTORIES[name](dependencies)]
