"""A new object requires a namespace that exists and is not being deleted.

The rules are those of the admission plugin NamespaceLifecycle.
"""

from __future__ import annotations

from apiserver.machinery.errors import Forbidden, NotFound
from apiserver.machinery.gvk import GroupResource
from apiserver.registry.decision import Attempt
from apiserver.registry.resource import Resource

_NAMESPACES = GroupResource("", "namespaces")


def key(resource: Resource, namespace: str) -> str:
    """Return the key of a namespace."""
    return f"{resource.root}/namespaces/{namespace}"


def require(attempt: Attempt, resource: Resource, namespace: str, name: str) -> None:
    """Make the creation of ``name`` require the current revision of its namespace.

    Raises NotFound if the namespace does not exist, Forbidden if it is being deleted.
    """
    if not namespace or not resource.definition.namespaced:
        return
    record = attempt.reader.record(resource.store, key(resource, namespace))
    if record is None:
        raise NotFound.of(_NAMESPACES, namespace)
    if "deletionTimestamp" in record.value.metadata:
        raise _terminating(resource, namespace, name)
    attempt.requires[record.key] = record.revision


def _terminating(resource: Resource, namespace: str, name: str) -> Forbidden:
    refusal = Forbidden.of(
        resource.group_resource,
        name,
        f"unable to create new content in namespace {namespace} because it is being terminated",
    )
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    refusal.details = {**(refusal.details or {}), "causes": [cause]}
    return refusal
