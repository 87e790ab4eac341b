"""NamespaceLifecycle: no objects are created in missing or terminating namespaces."""

from __future__ import annotations

from typing import Final

from apiserver.access.admission.chain import CONNECT, CREATE, DELETE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NAMESPACES
from apiserver.machinery.errors import Forbidden, NotFound
from apiserver.machinery.gvk import GroupResource, GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of

NAME: Final = "NamespaceLifecycle"
_PROTECTED: Final = frozenset(["default", "kube-system", "kube-public"])
_REVIEWS: Final = GroupResource("authorization.k8s.io", "localsubjectaccessreviews")


class NamespaceLifecycle:
    """Rejects new objects in missing or terminating namespaces."""

    name = NAME

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        if operation not in (CREATE, CONNECT) or resource == NAMESPACES:
            return False
        return GroupResource(resource.group, resource.resource) != _REVIEWS

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        name = attributes.namespace
        if not name:
            return None
        namespace = reader.get(NAMESPACES, "", name)
        if namespace is None:
            raise NotFound.of(GroupResource("", "namespaces"), name)
        if attributes.operation == CREATE and _is_ending(namespace):
            raise _ending(attributes)
        return None


class ProtectedNamespaces:
    """Rejects the deletion of system namespaces."""

    name = NAME

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return operation == DELETE and resource == NAMESPACES and not subresource

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        if attributes.name in _PROTECTED:
            raise attributes.forbidden("this namespace may not be deleted")


def _is_ending(namespace: Object) -> bool:
    phase = (namespace.get("status") or {}).get("phase")
    return phase == "Terminating" or "deletionTimestamp" in metadata_of(namespace)


def _ending(attributes: AdmissionAttributes) -> Forbidden:
    name = attributes.namespace
    refusal = attributes.forbidden(
        f"unable to create new content in namespace {name} because it is being terminated"
    )
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {name} is being terminated",
        "field": "metadata.namespace",
    }
    refusal.details = {**(refusal.details or {}), "causes": [cause]}
    return refusal
