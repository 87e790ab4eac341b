"""NamespaceExists: nothing is written in a namespace that does not exist."""

from __future__ import annotations

from typing import Final

from apiserver.access.admission.chain import CREATE, DELETE, UPDATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NAMESPACES
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupResource, GroupVersionResource

_WRITES: Final = (CREATE, UPDATE, DELETE)


class NamespaceExists:
    """Rejects writes in missing namespaces."""

    name = "NamespaceExists"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return operation in _WRITES and resource != NAMESPACES

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        name = attributes.namespace
        if name and reader.get(NAMESPACES, "", name) is None:
            raise NotFound.of(GroupResource("", "namespaces"), name)
