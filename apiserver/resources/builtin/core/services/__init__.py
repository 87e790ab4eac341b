"""Service."""

from __future__ import annotations

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import dns1123_label_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.core.services.addresses import normalized
from apiserver.resources.builtin.core.services.defaults import default_service
from apiserver.resources.builtin.core.services.printer import PRINTER
from apiserver.resources.builtin.core.services.validation import (
    validate_change,
    validate_load_balancer,
    validate_service,
)
from apiserver.resources.builtin.core.services.warnings import warnings_for
from apiserver.resources.builtin.fields import paths
from apiserver.resources.strategy import CHANGE, Strategy

_FIELDS = paths("spec.clusterIP", "spec.type")


class ServiceStrategy(Strategy):
    """A Service is reached at addresses and ports, of which its type says where they count."""

    metadata_checks = (CHANGE,)
    fields = _FIELDS
    name_problems = staticmethod(dns1123_label_problems)
    allow_create_on_update = True
    returns_deleted_object = True
    printer = PRINTER

    def default(self, document: Object) -> None:
        default_service(document)

    def prepare_for_create(self, document: Object) -> Object:
        prepared = super().prepare_for_create(document)
        return {**prepared, "spec": normalized(document["spec"])}

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_update(document, old)
        return {**prepared, "spec": normalized(document["spec"], old["spec"])}

    def validate(self, document: Object) -> list[FieldError]:
        return validate_service(document)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return [*validate_change(document, old), *validate_service(document)]

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_load_balancer(document)

    def warnings_on_create(self, document: Object) -> list[str]:
        return warnings_for(document)


STRATEGY = ServiceStrategy
