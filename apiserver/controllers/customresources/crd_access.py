"""Reading and writing CustomResourceDefinitions, as all of their controllers do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.client.client import Client, Reader
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.builtin.apiextensions.crds import status_of

CRDS: Final = GroupVersionResource("apiextensions.k8s.io", "v1", "customresourcedefinitions")


@valueclass
class CRDAccess:
    """Definitions as the cache has them. A write of a stale one is a conflict, and is retried."""

    client: Client
    reader: Reader

    def get(self, name: str) -> Object | None:
        """Return a definition, ``None`` if it does not exist."""
        return self.reader.get(CRDS, "", name)

    async def write_status(self, old: Object, new: Object) -> Object | None:
        """Write the status and the finalizers of a definition; return it as stored.

        ``None``: it does not exist any more. Raises Conflict if it is not ``old`` any more. Only
        the difference is sent, because a definition may be large.
        """
        metadata = old["metadata"]
        patch: dict[str, Any] = {
            "metadata": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
            "status": _difference(status_of(old), status_of(new)),
        }
        finalizers = new["metadata"].get("finalizers")
        if finalizers != metadata.get("finalizers"):
            patch["metadata"]["finalizers"] = finalizers
        try:
            return await self.client.patch(CRDS, "", name_of(old), patch, subresource="status")
        except NotFound:
            return None


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch between two objects (RFC 7386)."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = _difference(before, value)
            if inner:
                patch[name] = inner
        elif value != before:
            patch[name] = value
    return patch
