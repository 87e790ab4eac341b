"""DenyServiceExternalIPs: Services get no new external addresses (CVE-2020-8554)."""

from __future__ import annotations

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import SERVICES
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object


class DenyServiceExternalIPs:
    """Rejects external addresses that a Service did not have before."""

    name = "DenyServiceExternalIPs"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == SERVICES and operation in (CREATE, UPDATE) and not subresource

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        if not _addresses(attributes.object) <= _addresses(attributes.old_object):
            raise attributes.forbidden("Use of external IPs is denied by admission control")


def _addresses(service: Object | None) -> set[str]:
    spec = (service or {}).get("spec") or {}
    return set(spec.get("externalIPs") or ())
