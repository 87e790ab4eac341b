"""ResourceClaimTemplate."""

from __future__ import annotations

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.objects import Object
from apiserver.resources.printing import NAME_AND_AGE
from apiserver.resources.strategy import Strategy


class ResourceClaimTemplateStrategy(Strategy):
    """A template makes claims for Pods; it never changes."""

    returns_deleted_object = True
    printer = NAME_AND_AGE

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        if deep_equal(document.get("spec"), old.get("spec")):
            return []
        return [invalid("spec", document.get("spec"), "field is immutable")]


STRATEGY = ResourceClaimTemplateStrategy
