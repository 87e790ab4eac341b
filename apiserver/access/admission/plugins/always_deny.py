"""AlwaysDeny: rejects everything. It is deprecated."""

from __future__ import annotations

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object


class AlwaysDeny:
    """Rejects every write and every connection."""

    name = "AlwaysDeny"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return True

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        raise attributes.forbidden("admission control is denying all modifications")
