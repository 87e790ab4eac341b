"""Role."""

from __future__ import annotations

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import path_segment_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.rbac.policyrules import validate_rules
from apiserver.resources.printing import DEFAULT
from apiserver.resources.strategy import Strategy


class RoleStrategy(Strategy):
    """A Role allows verbs on resources of its namespace."""

    name_problems = staticmethod(path_segment_problems)
    allow_create_on_update = True
    printer = DEFAULT

    def validate(self, document: Object) -> list[FieldError]:
        return validate_rules(document.get("rules") or (), namespaced=True)


STRATEGY = RoleStrategy
