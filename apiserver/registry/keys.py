"""The keys of objects: ``/registry/<prefix>/<namespace>/<name>``, as in kube-apiserver."""

from __future__ import annotations

from apiserver.resources.definition import ResourceDefinition


def collection_prefix(root: str, definition: ResourceDefinition) -> str:
    """Return the prefix of the keys of all objects of a resource."""
    return f"{root}/{definition.storage_prefix}/"
