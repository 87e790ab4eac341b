"""VolumeAttributesClass."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, required
from apiserver.machinery.objects import Object
from apiserver.resources import objectmeta
from apiserver.resources.builtin.storage.drivers import validate_parameters, validate_provisioner
from apiserver.resources.printing import AGE, NAME, Column, Printer, age_of
from apiserver.resources.strategy import Strategy

IS_DEFAULT: Final = "volumeattributesclass.alpha.kubernetes.io/is-default-class"


def _cells(document: Object, now: float) -> list[Any]:
    metadata = document["metadata"]
    name, default = metadata.get("name", ""), (metadata.get("annotations") or {}).get(IS_DEFAULT)
    return [
        f"{name} (default)" if default == "true" else name,
        document.get("driverName", ""),
        age_of(metadata.get("creationTimestamp"), now),
    ]


class VolumeAttributesClassStrategy(Strategy):
    """A VolumeAttributesClass is a set of parameters that a volume can be changed to."""

    returns_deleted_object = True
    # The rules of the kind include metadata.
    metadata_checks = ()
    printer = Printer(
        (NAME, Column("DriverName", source="api.storage.v1.VolumeAttributesClass.driverName"), AGE),
        _cells,
    )

    def validate(self, document: Object) -> list[FieldError]:
        parameters = document.get("parameters") or {}
        errors = validate_provisioner(document.get("driverName", ""), "driverName")
        errors += validate_parameters(parameters, "parameters")
        if not parameters:
            errors.append(required("parameters", "must contain at least one key/value pair"))
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return [
            *objectmeta.validate_change(document, old, self),
            *(
                forbidden(member, f"updates to {member} are forbidden.")
                for member in ("driverName", "parameters")
                if (document.get(member) or None) != (old.get(member) or None)
            ),
            *objectmeta.validate_whole(document, self),
            *self.validate(document),
        ]


STRATEGY = VolumeAttributesClassStrategy
