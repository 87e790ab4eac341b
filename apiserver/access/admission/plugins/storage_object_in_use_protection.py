"""StorageObjectInUseProtection: adds the protection finalizer to claims and volumes."""

from __future__ import annotations

from typing import Final

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import ATTRIBUTES_CLASSES, CLAIMS, VOLUMES
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of, with_metadata

FINALIZERS: Final = {
    CLAIMS: "kubernetes.io/pvc-protection",
    VOLUMES: "kubernetes.io/pv-protection",
    ATTRIBUTES_CLASSES: "kubernetes.io/vac-protection",
}


class StorageObjectInUseProtection:
    """Adds a finalizer to new claims and volumes; a controller removes it."""

    name = "StorageObjectInUseProtection"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource in FINALIZERS and operation == CREATE and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        document = attributes.object
        assert document is not None
        finalizers = metadata_of(document).get("finalizers") or []
        wanted = FINALIZERS[attributes.gvr]
        if wanted in finalizers:
            return None
        return with_metadata(document, finalizers=[*finalizers, wanted])
