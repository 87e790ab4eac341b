"""ResourceClaimTemplate."""

from __future__ import annotations

from collections.abc import Mapping

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.objects import Object
from apiserver.resources import objectmeta
from apiserver.resources.builtin.parts.templatemetadata import validate_template_metadata
from apiserver.resources.builtin.resource.adminaccess import validate_requested_access
from apiserver.resources.builtin.resource.devicerequests import (
    default_device_claim,
    validate_device_claim,
)
from apiserver.resources.printing import NAME_AND_AGE
from apiserver.resources.strategy import Strategy
from apiserver.schema.internalform import internal_form


class ResourceClaimTemplateStrategy(Strategy):
    """A template makes claims for Pods; it never changes."""

    returns_deleted_object = True
    checks_namespace = True
    # The rules of the kind include metadata.
    metadata_checks = ()
    printer = NAME_AND_AGE

    @property
    def validates_slowly(self) -> bool:
        return True

    def default(self, document: Object) -> None:
        default_device_claim(document["spec"]["spec"]["devices"])

    def validate(self, document: Object) -> list[FieldError]:
        spec = document["spec"]
        return [
            *validate_template_metadata(spec.get("metadata") or {}, "spec.metadata"),
            *validate_device_claim(spec["spec"]["devices"], "spec.spec.devices"),
        ]

    def validate_in_namespace(
        self, document: Object, old: Object | None, subresource: str, labels: Mapping[str, str]
    ) -> list[FieldError]:
        # The path is that of a claim, as in Kubernetes; the spec never changes.
        spec = document["spec"]["spec"]
        return validate_requested_access(spec, labels) if old is None else []

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        errors = [
            *objectmeta.validate_whole(document, self),
            *self.validate(document),
            *objectmeta.validate_change(document, old, self),
        ]
        if not deep_equal(document["spec"], old["spec"]):
            shown = internal_form("resource.v1.ResourceClaimTemplateSpec", document["spec"])
            errors.append(invalid("spec", shown, "field is immutable"))
        return errors


STRATEGY = ResourceClaimTemplateStrategy
