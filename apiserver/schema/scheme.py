"""The kind that a document states, and whether a built-in kind of that name is known.

A document that does not state its kind is of the kind that the endpoint expects. A document of
another built-in kind is decoded as that kind, so errors of its own type are reported before the
error that the kind is wrong.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.gvk import GroupVersionKind, parse_api_version
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.schema.kindtypes import Undecodable, Unidentified
from apiserver.schema.openapi import builtin_schema
from apiserver.schema.structtypes import StructType, struct_of_kind

_SCHEME: Final = "pkg/api/legacyscheme/scheme.go:30"
_JSON_ERROR: Final = "couldn't get version/kind; json parse error: json: cannot unmarshal"
_META: Final = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
    'Kind string "json:\\"kind,omitempty\\"" }'
)
_KINDS: Final = {
    bool: "bool", dict: "object", float: "number", int: "number", list: "array", str: "string",
}  # fmt: skip

# Versions that are no longer served, but still known to kube-apiserver.
_FORMER: Final = {
    "admissionregistration.k8s.io/v1beta1": (
        "MutatingWebhookConfiguration ValidatingWebhookConfiguration"
    ),
    "apps/v1beta1": "ControllerRevision Deployment Scale StatefulSet",
    "apps/v1beta2": "ControllerRevision DaemonSet Deployment ReplicaSet Scale StatefulSet",
    "authentication.k8s.io/v1beta1": "SelfSubjectReview TokenReview",
    "authorization.k8s.io/v1beta1": (
        "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview "
        "SubjectAccessReview"
    ),
    "autoscaling/v2beta1": "HorizontalPodAutoscaler",
    "autoscaling/v2beta2": "HorizontalPodAutoscaler",
    "batch/v1beta1": "CronJob",
    "certificates.k8s.io/v1beta1": "CertificateSigningRequest",
    "coordination.k8s.io/v1beta1": "Lease",
    "discovery.k8s.io/v1beta1": "EndpointSlice",
    "events.k8s.io/v1beta1": "Event",
    "extensions/v1beta1": "DaemonSet Deployment Ingress NetworkPolicy ReplicaSet Scale",
    "flowcontrol.apiserver.k8s.io/v1beta1": "FlowSchema PriorityLevelConfiguration",
    "flowcontrol.apiserver.k8s.io/v1beta2": "FlowSchema PriorityLevelConfiguration",
    "flowcontrol.apiserver.k8s.io/v1beta3": "FlowSchema PriorityLevelConfiguration",
    "networking.k8s.io/v1beta1": "IPAddress Ingress IngressClass ServiceCIDR",
    "node.k8s.io/v1alpha1": "RuntimeClass",
    "node.k8s.io/v1beta1": "RuntimeClass",
    "policy/v1beta1": "Eviction PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1alpha1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "rbac.authorization.k8s.io/v1beta1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "scheduling.k8s.io/v1alpha1": "PriorityClass",
    "scheduling.k8s.io/v1beta1": "PriorityClass",
    "storage.k8s.io/v1alpha1": "CSIStorageCapacity VolumeAttachment",
    "storage.k8s.io/v1beta1": "CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment",
}


class Scheme:
    """All built-in kinds that a document may state: kube-apiserver's ``legacyscheme``.

    Custom kinds are in no scheme; their documents are never decoded as another kind.
    """

    def struct(self, found: GroupVersionKind, expected: StructType) -> StructType:
        """Return the type with which a document of the kind ``found`` is decoded.

        That is ``expected`` for a kind that is known but no longer served. Raises Undecodable.
        """
        struct = struct_of_kind(found.api_version, found.kind)
        if struct is not None:
            return struct
        former = found.kind in _FORMER.get(found.api_version, "").split()
        if former or builtin_schema(found.api_version, found.kind) is not None:
            return expected
        raise Undecodable(
            found,
            f"no kind {quote(found.kind)} is registered for version {quote(found.api_version)} "
            f'in scheme "{_SCHEME}"',
        )


def expect_object(document: Any) -> Object:
    """Return a document that is an object, an empty one for null. Raises Unidentified."""
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Unidentified(f"{_JSON_ERROR} {_KINDS[type(document)]} into Go value of type {_META}")
    return document


def identify(api_version: Any, kind: Any, expected: GroupVersionKind) -> GroupVersionKind:
    """Return the kind of a document with ``api_version`` and ``kind``. Raises Unidentified."""
    if (api_version, kind) == (expected.api_version, expected.kind):
        return expected
    for name, value in (("apiVersion", api_version), ("kind", kind)):
        if value is not None and not isinstance(value, str):
            raise Unidentified(
                f"{_JSON_ERROR} {_KINDS[type(value)]} into Go struct field .{name} of type string"
            )
    if not api_version:
        return GroupVersionKind(expected.group, expected.version, kind or expected.kind)
    try:
        group, version = parse_api_version(api_version)
    except ValueError as error:
        raise Unidentified(str(error)) from error
    return GroupVersionKind(group, version, kind or expected.kind)
