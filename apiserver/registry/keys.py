"""The keys of objects: ``/registry/<prefix>/<namespace>/<name>``, as in kube-apiserver."""

from __future__ import annotations

from apiserver.resources.definition import ResourceDefinition


def collection_prefix(root: str, definition: ResourceDefinition, namespace: str = "") -> str:
    """Return the prefix of all keys of a resource, or of those in one namespace."""
    prefix = f"{root}/{definition.storage_prefix}/"
    return f"{prefix}{namespace}/" if namespace else prefix


def object_key(root: str, definition: ResourceDefinition, namespace: str, name: str) -> str:
    """Return the key of one object; ``namespace`` is empty for a cluster-scoped resource."""
    return collection_prefix(root, definition, namespace) + name
