"""Documents -> objects of the kind that an endpoint expects, in the words of upstream's decoder.

A document says what it is, and where it does not it is what the endpoint expects. It is read as
what it says, so what does not fit its own type is complained of before that it is the wrong one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from apiserver.machinery.gvk import GroupVersionKind, parse_api_version
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.schema.jsondecoder import Canonical, DecodeError, decode_json
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

# Versions that are served no more, and that upstream still knows.
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


class Unidentified(DecodeError):
    """A document does not say what it is, or not so that it can be understood."""


class Undecodable(DecodeError):
    """A document is not of the kind that is expected; ``kind`` is what it says that it is."""

    def __init__(self, kind: GroupVersionKind, cause: str) -> None:
        super().__init__(cause)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object but for its apiVersion and kind; ``kind`` is what the document says that it is.

    That may be another version of what was expected. It is read as that version then, or, where
    that is not served, as the version that was expected.
    """

    object: Object
    problems: list[str]
    kind: GroupVersionKind


def decode(document: Any, expected: GroupVersionKind) -> Decoded:
    """Read a JSON document. Raises Undecodable, or Unidentified."""
    members = expect_object(document)
    found = identify(members.get("apiVersion"), members.get("kind"), expected)
    return read_as(found, expected, lambda struct: decode_json(struct, members))


def expect_object(document: Any) -> Object:
    """Return a document that is an object, an empty one for null. Raises Unidentified."""
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Unidentified(f"{_JSON_ERROR} {_KINDS[type(document)]} into Go value of type {_META}")
    return document


def identify(api_version: Any, kind: Any, expected: GroupVersionKind) -> GroupVersionKind:
    """Return what a document is that says ``api_version`` and ``kind``. Raises Unidentified."""
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


def read_as(
    found: GroupVersionKind, expected: GroupVersionKind, read: Callable[[StructType], Canonical]
) -> Decoded:
    """Read an object of the kind ``found`` with ``read``. Raises Undecodable."""
    struct = struct_of_kind(found.api_version, found.kind)
    if struct is None and _is_known(found):
        struct = struct_of_kind(expected.api_version, expected.kind)
    if struct is None:
        raise Undecodable(
            found,
            f"no kind {quote(found.kind)} is registered for version {quote(found.api_version)} "
            f'in scheme "{_SCHEME}"',
        )
    try:
        canonical = read(struct)
    except DecodeError as error:
        raise Undecodable(found, str(error)) from error
    if found.kind != expected.kind:
        raise Undecodable(
            found,
            f"converting ({found.version}.{found.kind}) to "
            f"({expected.group.partition('.')[0] or 'core'}.{expected.kind}): unknown conversion",
        )
    return Decoded(canonical.object, canonical.problems, found)


def _is_known(kind: GroupVersionKind) -> bool:
    former = _FORMER.get(kind.api_version, "").split()
    return kind.kind in former or builtin_schema(kind.api_version, kind.kind) is not None
