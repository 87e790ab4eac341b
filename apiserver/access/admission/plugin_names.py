"""The names of the admission plugins. Plugins are not imported for it: ``--help`` shows them."""

from __future__ import annotations

from typing import Final

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
    DenyServiceExternalIPs PodTopologyLabels NodeDeclaredFeatureValidator PodResizeValidator
    MutatingAdmissionPolicy MutatingAdmissionWebhook ValidatingAdmissionPolicy
    ValidatingAdmissionWebhook ResourceQuota AlwaysDeny
    """.split()
)
_OFF: Final = frozenset(
    """
    AlwaysAdmit AlwaysDeny AlwaysPullImages DenyServiceExternalIPs EventRateLimit
    ExtendedResourceToleration ImagePolicyWebhook LimitPodHardAntiAffinityTopology
    NamespaceAutoProvision NamespaceExists NodeRestriction OwnerReferencesPermissionEnforcement
    PodNodeSelector PodTolerationRestriction
    """.split()
)
#: Those that run unless they are disabled, and those that run only if enabled.
ON: Final = tuple(name for name in ORDER if name not in _OFF)
OFF: Final = tuple(name for name in ORDER if name in _OFF)
