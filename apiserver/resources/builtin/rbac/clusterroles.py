"""ClusterRole."""

from __future__ import annotations

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.names import path_segment_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.labelselector import validate_label_selector
from apiserver.resources.builtin.rbac.policyrules import validate_rules
from apiserver.resources.printing import DEFAULT
from apiserver.resources.strategy import Strategy

_SELECTORS = "aggregationRule.clusterRoleSelectors"


class ClusterRoleStrategy(Strategy):
    """A ClusterRole allows verbs on resources and paths, or gathers the rules of other ones."""

    name_problems = staticmethod(path_segment_problems)
    allow_create_on_update = True
    printer = DEFAULT

    def validate(self, document: Object) -> list[FieldError]:
        errors = validate_rules(document.get("rules") or (), namespaced=False)
        rule = document.get("aggregationRule")
        if rule is None:
            return errors
        selectors = rule.get("clusterRoleSelectors") or []
        if not selectors:
            detail = "at least one clusterRoleSelector required if aggregationRule is non-nil"
            errors.append(required(_SELECTORS, detail))
        for index, selector in enumerate(selectors):
            where = f"{_SELECTORS}[{index}]"
            problems = validate_label_selector(selector, where)
            errors += problems
            if problems:
                errors.append(invalid(where, None, "invalid label selector."))
        return errors


STRATEGY = ClusterRoleStrategy
