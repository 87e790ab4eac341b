"""DeviceClass."""

from __future__ import annotations

from functools import partial
from typing import Any

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.resources import is_extended
from apiserver.resources.builtin.resource.devicerequests import (
    MAX_CONFIGURATIONS,
    validate_configuration,
    validate_selectors,
)
from apiserver.resources.builtin.resource.items import validate_items
from apiserver.resources.printing import NAME_AND_AGE
from apiserver.resources.strategy import CHANGE, WHOLE, Strategy


class DeviceClassStrategy(Strategy):
    """A DeviceClass selects devices; claims request them by the name of the class."""

    returns_deleted_object = True
    checks_generate_name = False
    metadata_checks = (WHOLE, CHANGE)
    generation_of = ("spec",)
    printer = NAME_AND_AGE

    @property
    def validates_slowly(self) -> bool:
        return True

    def validate(self, document: Object) -> list[FieldError]:
        return _validate(document.get("spec") or {}, {})

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return _validate(document.get("spec") or {}, old.get("spec") or {})


def _validate(spec: dict[str, Any], before: dict[str, Any]) -> list[FieldError]:
    errors = validate_selectors(spec.get("selectors"), "spec.selectors")
    stored = deep_equal(spec.get("config"), before.get("config"))
    rule = partial(validate_configuration, stored=stored)
    errors += validate_items(spec.get("config"), MAX_CONFIGURATIONS, rule, "spec.config")
    name = spec.get("extendedResourceName")
    if name is not None and not is_extended(name):
        detail = "must be a valid extended resource name"
        errors.append(invalid("spec.extendedResourceName", name, detail))
    return errors


STRATEGY = DeviceClassStrategy
