"""ResourceClaim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.resource.adminaccess import (
    validate_granted_access,
    validate_requested_access,
)
from apiserver.resources.builtin.resource.claimstatus import (
    allocated_devices,
    device_id,
    validate_claim_status,
)
from apiserver.resources.builtin.resource.devicerequests import (
    default_device_claim,
    default_tolerations,
    validate_device_claim,
)
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import CHANGE, WHOLE, Strategy, with_metadata_of
from apiserver.schema.internalform import internal_form


def _cells(document: Object) -> list[Any]:
    status = document.get("status") or {}
    states = []
    if "deletionTimestamp" in document["metadata"]:
        states.append("deleted")
    if status.get("allocation") is None:
        states.append("" if "deletionTimestamp" in document["metadata"] else "pending")
    else:
        states.append("allocated")
        if status.get("reservedFor"):
            states.append("reserved")
    return [",".join(filter(None, states))]


class ResourceClaimStrategy(Strategy):
    """A claim requests devices; its spec is immutable."""

    returns_deleted_object = True
    checks_namespace = True
    metadata_checks = (WHOLE, CHANGE)
    reset_fields = {"status": {"f:metadata": {}, "f:spec": {}}}  # noqa: RUF012
    printer = aged(
        (
            Column(
                "State",
                "A summary of the current state (allocated, pending, reserved, etc.).",
            ),
        ),
        _cells,
    )

    @property
    def validates_slowly(self) -> bool:
        return True

    def default(self, document: Object) -> None:
        default_device_claim(document["spec"]["devices"])
        allocation = (document.get("status") or {}).get("allocation") or {}
        for result in (allocation.get("devices") or {}).get("results") or ():
            default_tolerations(result)

    def validate(self, document: Object) -> list[FieldError]:
        return validate_device_claim(document["spec"]["devices"], "spec.devices")

    def validate_in_namespace(
        self, document: Object, old: Object | None, subresource: str, labels: Mapping[str, str]
    ) -> list[FieldError]:
        if old is None:
            return validate_requested_access(document["spec"], labels)
        # The spec never changes.
        return validate_granted_access(document, old, labels) if subresource == "status" else []

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        if deep_equal(document["spec"], old["spec"]):
            return []
        shown = internal_form("resource.v1.ResourceClaimSpec", document["spec"])
        return [invalid("spec", shown, "field is immutable")]

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_status_update(with_metadata_of(document, old), old)
        status = prepared.get("status") or {}
        # Remove the status of devices that are no longer allocated.
        gone = allocated_devices(old.get("status") or {}) - allocated_devices(status)
        devices = [each for each in status.get("devices") or () if device_id(each) not in gone]
        if len(devices) == len(status.get("devices") or ()):
            return prepared
        rest = {key: value for key, value in status.items() if key != "devices"}
        return {**prepared, "status": {**rest, "devices": devices} if devices else rest}

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_claim_status(document, old)


STRATEGY = ResourceClaimStrategy
