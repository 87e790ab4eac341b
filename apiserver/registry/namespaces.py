"""A new object needs a namespace that is there and stays.

The rules are those of the admission plugin NamespaceLifecycle.
"""

from __future__ import annotations

from collections.abc import Mapping

from apiserver.machinery.errors import Forbidden, NotFound
from apiserver.machinery.gvk import GroupResource
from apiserver.registry.codec import Stored
from apiserver.registry.context import RequestContext
from apiserver.registry.resource import Resource
from storage.interface import NO_REQUIREMENTS, Record

_NAMESPACES = GroupResource("", "namespaces")


def key(resource: Resource, namespace: str) -> str:
    """Return where a namespace is stored."""
    return f"{resource.root}/namespaces/{namespace}"


async def requirements(
    resource: Resource, context: RequestContext, name: str
) -> Mapping[str, int]:
    """Return what the creation of ``name`` takes for granted: its namespace as it is now.

    Raises NotFound when the namespace is not there, Forbidden when it is on its way out.
    """
    namespace = context.namespace
    if not namespace or not resource.definition.namespaced:
        return NO_REQUIREMENTS
    where = key(resource, namespace)
    record = None if where in context.outdated else resource.store.foremost(where)
    if record is None or _leaves(record):
        # The write protects what it takes for granted; a refusal must be of what is there now.
        record = await resource.store.get(where)
    if record is None:
        raise NotFound.of(_NAMESPACES, namespace)
    if _leaves(record):
        raise _terminating(resource, namespace, name)
    return {record.key: record.revision}


def _leaves(record: Record[Stored]) -> bool:
    return "deletionTimestamp" in record.value.metadata


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
