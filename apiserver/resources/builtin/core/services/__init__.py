"""Service."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import dns1123_label_problems
from apiserver.machinery.objects import Object
from apiserver.resources.allocation import Allocation, AllocationView
from apiserver.resources.builtin.core.services.allocation import allocate_service, release_service
from apiserver.resources.builtin.core.services.defaults import (
    EXTERNAL_NAME,
    LOAD_BALANCER,
    default_service,
)
from apiserver.resources.builtin.core.services.printer import PRINTER
from apiserver.resources.builtin.core.services.transitions import without_unusable
from apiserver.resources.builtin.core.services.validation import (
    validate_change,
    validate_load_balancer,
    validate_service,
)
from apiserver.resources.builtin.core.services.warnings import warnings_for, warnings_for_status
from apiserver.resources.builtin.fields import paths
from apiserver.resources.strategy import CHANGE, Strategy

_FIELDS = paths("spec.clusterIP", "spec.type")


class ServiceStrategy(Strategy):
    """A Service has addresses and ports; its type determines where they are reachable."""

    metadata_checks = (CHANGE,)
    fields = _FIELDS
    name_problems = staticmethod(dns1123_label_problems)
    allow_create_on_update = True
    allocates = True
    returns_deleted_object = True
    printer = PRINTER

    def default(self, document: Object) -> None:
        default_service(document)

    def allocate(
        self, document: Object, old: Object | None, view: AllocationView
    ) -> tuple[Object, Allocation]:
        return allocate_service(document, old, view)

    def release(self, document: Object, view: AllocationView) -> Allocation:
        return release_service(document, view)

    def prepare_for_create(self, document: Object) -> Object:
        prepared = super().prepare_for_create(document)
        return {**prepared, "spec": _without_policy(document["spec"])}

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_update(document, old)
        spec = without_unusable(document["spec"], old["spec"])
        if old["spec"].get("type") == LOAD_BALANCER != spec.get("type"):
            prepared["status"] = {**(prepared.get("status") or {}), "loadBalancer": {}}
        return {**prepared, "spec": _without_policy(spec)}

    def validate(self, document: Object) -> list[FieldError]:
        return validate_service(document, None)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return [*validate_change(document, old), *validate_service(document, old)]

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_load_balancer(document, old)

    def warnings_on_create(self, document: Object) -> list[str]:
        return warnings_for(document)

    def warnings_on_status_update(self, document: Object, old: Object) -> list[str]:
        return warnings_for_status(document)


def _without_policy(spec: dict[str, Any]) -> dict[str, Any]:
    # A name outside of the cluster has no traffic inside of it to have a policy for.
    if spec.get("type") != EXTERNAL_NAME or "internalTrafficPolicy" not in spec:
        return spec
    return {key: value for key, value in spec.items() if key != "internalTrafficPolicy"}


STRATEGY = ServiceStrategy
