"""The admission plugins that run, and their order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from apiserver.access.admission.chain import Plugin
from apiserver.access.admission.plugin_names import ON, ORDER
from apiserver.access.admission.plugins.always_deny import AlwaysDeny
from apiserver.access.admission.plugins.always_pull_images import AlwaysPullImages
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
from apiserver.access.admission.plugins.deny_service_external_ips import DenyServiceExternalIPs
from apiserver.access.admission.plugins.event_rate_limit import EventLimit, EventRateLimit
from apiserver.access.admission.plugins.extended_resource_toleration import (
    ExtendedResourceToleration,
)
from apiserver.access.admission.plugins.image_policy_webhook import (
    ImagePolicyWebhook,
    ImageReviews,
)
from apiserver.access.admission.plugins.limit_pod_hard_anti_affinity_topology import (
    LimitPodHardAntiAffinityTopology,
)
from apiserver.access.admission.plugins.limit_ranger import LimitRanger
from apiserver.access.admission.plugins.mutating_admission_policy import (
    MutatingAdmissionPolicy,
)
from apiserver.access.admission.plugins.mutating_admission_webhook import (
    MutatingAdmissionWebhook,
)
from apiserver.access.admission.plugins.namespace_auto_provision import NamespaceAutoProvision
from apiserver.access.admission.plugins.namespace_exists import NamespaceExists
from apiserver.access.admission.plugins.namespace_lifecycle import (
    NamespaceLifecycle,
    ProtectedNamespaces,
)
from apiserver.access.admission.plugins.node_declared_feature_validator import (
    NodeDeclaredFeatureValidator,
)
from apiserver.access.admission.plugins.node_restriction import NodeRestriction
from apiserver.access.admission.plugins.owner_references_permission_enforcement import (
    OwnerReferencesPermissionEnforcement,
)
from apiserver.access.admission.plugins.persistent_volume_claim_resize import (
    PersistentVolumeClaimResize,
)
from apiserver.access.admission.plugins.pod_node_selector import PodNodeSelector
from apiserver.access.admission.plugins.pod_resize_validator import PodResizeValidator
from apiserver.access.admission.plugins.pod_security import (
    PodSecurityOfNamespaces,
    PodSecurityOfPods,
    PodSecurityOfWorkloads,
)
from apiserver.access.admission.plugins.pod_security.policy import NO_SETTINGS, PodSecuritySettings
from apiserver.access.admission.plugins.pod_toleration_restriction import (
    NO_TOLERATIONS,
    PodTolerationRestriction,
    TolerationSettings,
)
from apiserver.access.admission.plugins.pod_topology_labels import PodTopologyLabels
from apiserver.access.admission.plugins.priority import PodPriority, SingleGlobalDefault
from apiserver.access.admission.plugins.resource_quota import ResourceQuota
from apiserver.access.admission.plugins.runtime_class import RuntimeClass
from apiserver.access.admission.plugins.service_account import (
    SecretsOfEphemeralContainers,
    ServiceAccount,
)
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
from apiserver.client.client import Client
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass


@valueclass
class PluginDependencies:
    """The dependencies of plugins."""

    authorizer: Authorizer
    client: Client
    policies: PolicyDependencies
    validating_policies: PolicyIndex[Any]
    mutating_policies: PolicyIndex[Any]
    mutating_calls: WebhookDependencies
    validating_calls: WebhookDependencies
    mutating_webhooks: WebhookConfigurations
    validating_webhooks: WebhookConfigurations
    pod_security: PodSecuritySettings = NO_SETTINGS
    node_selectors: Mapping[str, str] = field(default_factory=dict)
    tolerations: TolerationSettings = NO_TOLERATIONS
    event_limits: Sequence[EventLimit] = ()
    image_reviews: ImageReviews | None = None


# The plugins of this server; some consist of several parts.
_FACTORIES: Final[Mapping[str, Callable[[PluginDependencies], Sequence[Plugin]]]] = {
    # It has no opinion.
    "AlwaysAdmit": lambda _: (),
    "NamespaceAutoProvision": lambda dependencies: (NamespaceAutoProvision(dependencies.client),),
    "NamespaceLifecycle": lambda _: (NamespaceLifecycle(), ProtectedNamespaces()),
    "NamespaceExists": lambda _: (NamespaceExists(),),
    "LimitPodHardAntiAffinityTopology": lambda _: (LimitPodHardAntiAffinityTopology(),),
    "LimitRanger": lambda _: (LimitRanger(),),
    "ServiceAccount": lambda _: (ServiceAccount(), SecretsOfEphemeralContainers()),
    "NodeRestriction": lambda dependencies: (NodeRestriction(dependencies.authorizer),),
    "TaintNodesByCondition": lambda _: (TaintNodesByCondition(),),
    "AlwaysPullImages": lambda _: (AlwaysPullImages(),),
    "ImagePolicyWebhook": lambda dependencies: (
        ()
        if dependencies.image_reviews is None
        else (ImagePolicyWebhook(dependencies.image_reviews),)
    ),
    "PodSecurity": lambda dependencies: (
        PodSecurityOfPods(dependencies.pod_security),
        PodSecurityOfWorkloads(dependencies.pod_security),
        PodSecurityOfNamespaces(dependencies.pod_security),
    ),
    "PodNodeSelector": lambda dependencies: (PodNodeSelector(dependencies.node_selectors),),
    "Priority": lambda _: (PodPriority(), SingleGlobalDefault()),
    "DefaultTolerationSeconds": lambda _: (DefaultTolerationSeconds(),),
    "PodTolerationRestriction": lambda dependencies: (
        PodTolerationRestriction(dependencies.tolerations),
    ),
    "EventRateLimit": lambda dependencies: (EventRateLimit(dependencies.event_limits),),
    "ExtendedResourceToleration": lambda _: (ExtendedResourceToleration(),),
    "DefaultStorageClass": lambda _: (DefaultStorageClass(),),
    "StorageObjectInUseProtection": lambda _: (StorageObjectInUseProtection(),),
    "OwnerReferencesPermissionEnforcement": lambda dependencies: (
        OwnerReferencesPermissionEnforcement(dependencies.authorizer, dependencies.policies.kinds),
    ),
    "PersistentVolumeClaimResize": lambda _: (PersistentVolumeClaimResize(),),
    "RuntimeClass": lambda _: (RuntimeClass(),),
    "CertificateApproval": lambda dependencies: (CertificateApproval(dependencies.authorizer),),
    "CertificateSigning": lambda dependencies: (CertificateSigning(dependencies.authorizer),),
    # This server serves no ClusterTrustBundles.
    "ClusterTrustBundleAttest": lambda _: (),
    "CertificateSubjectRestriction": lambda _: (CertificateSubjectRestriction(),),
    "DefaultIngressClass": lambda _: (DefaultIngressClass(),),
    "DenyServiceExternalIPs": lambda _: (DenyServiceExternalIPs(),),
    "PodTopologyLabels": lambda _: (PodTopologyLabels(),),
    "NodeDeclaredFeatureValidator": lambda _: (NodeDeclaredFeatureValidator(),),
    "PodResizeValidator": lambda _: (PodResizeValidator(),),
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
    "AlwaysDeny": lambda _: (AlwaysDeny(),),
}


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
    wanted = {*ON, *enable} - set(disable)
    return [name for name in ORDER if name in wanted]


def build_plugins(names: Sequence[str], dependencies: PluginDependencies) -> list[Plugin]:
    """Return the plugins of these names."""
    return [plugin for name in names for plugin in _FACTORIES[name](dependencies)]
