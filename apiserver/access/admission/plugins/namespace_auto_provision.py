"""NamespaceAutoProvision: a namespace is created for the first object in it."""

from __future__ import annotations

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.client.client import Client, Reader
from apiserver.machinery.builtin_resources import NAMESPACES
from apiserver.machinery.errors import AlreadyExists, StatusError
from apiserver.machinery.gvk import GroupVersionResource


class NamespaceAutoProvision:
    """Creates missing namespaces, but not for a dry run."""

    name = "NamespaceAutoProvision"

    def __init__(self, client: Client) -> None:
        self._client = client

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return operation == CREATE and resource != NAMESPACES

    async def provide(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        name = attributes.namespace
        if attributes.dry_run or not name or reader.get(NAMESPACES, "", name) is not None:
            return
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        try:
            await self._client.create(NAMESPACES, namespace)
        except AlreadyExists:
            # Another request has created it.
            return
        except StatusError as error:
            raise attributes.forbidden(error.message) from error
