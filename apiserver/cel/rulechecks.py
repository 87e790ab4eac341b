"""Rules in the schemas of CustomResourceDefinitions: they must compile, and may not cost too much.

What one rule can cost is estimated, times how often its schema can apply in one object. The limits,
the messages and the order of the errors are those of the API server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from apiserver.cel.costestimation import estimate_cost, saturated
from apiserver.cel.descriptors import SchemaTypes
from apiserver.cel.rules import CompiledRule, compile_rules
from apiserver.cel.sizes import max_cardinality
from apiserver.machinery.fielderrors import FieldError, forbidden, invalid
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.internalform import internal_form
from apiserver.schema.jsonschemaprops import structural_schema
from apiserver.schema.structural import Schema, has_rules

#: What one rule, and all rules of a schema, can cost at most.
RULE_LIMIT: Final = 10_000_000
SCHEMA_LIMIT: Final = 100_000_000
_RULE: Final = "apiextensions.v1.ValidationRule"
_ADVICE: Final = (
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, "
    "maps, and strings are declared)"
)
_CONTRIBUTED: Final = (
    "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
)
_TOTAL: Final = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
_MOST_EXPENSIVE: Final = 4


def rule_problems(props: Object, path: str, faulty: list[str]) -> list[FieldError]:
    """Return the errors of the rules in an ``openAPIV3Schema``.

    ``path`` is that of the schema, ``faulty`` are the fields with errors so far: the rules of a
    schema with an error in it, or in a part of it, are not looked at.
    """
    schema = structural_schema(props)
    if not has_rules(schema):
        return []
    checks = _Checks(SchemaTypes(schema), faulty)
    errors = [*checks.problems(schema, path, _RuleScope(1))]
    if checks.total > SCHEMA_LIMIT:
        costly = sorted(checks.costs, key=lambda each: -each[0])[:_MOST_EXPENSIVE]
        errors += [forbidden(where, _CONTRIBUTED) for _, where in costly]
        errors.append(forbidden(path, _excess(_TOTAL, checks.total, SCHEMA_LIMIT)))
    return errors


@valueclass
class _RuleScope:
    """How often a schema can apply (``None``: without limit), and where its old values end."""

    cardinality: int | None
    uncorrelated: str = ""

    def inside(self, limit: int | None, uncorrelated: str = "") -> _RuleScope:
        """Return the scope of the elements of a list or map with at most ``limit`` of them."""
        count = None if limit is None or self.cardinality is None else self.cardinality * limit
        return _RuleScope(count, self.uncorrelated or uncorrelated)


@dataclass(slots=True)
class _Checks:
    types: SchemaTypes
    faulty: list[str]
    total: int = 0
    costs: list[tuple[int, str]] = field(default_factory=list)

    def problems(self, schema: Schema, path: str, scope: _RuleScope) -> Iterator[FieldError]:
        """Yield the errors of the rules of a schema, after those of its children."""
        if not has_rules(schema):
            return
        limits = schema.assertions
        if schema.values is not None:
            limit = None if limits is None else limits.max_properties
            where = f"{path}.additionalProperties"
            yield from self.problems(schema.values, where, scope.inside(limit))
        for name, member in schema.properties.items():
            yield from self.problems(member, f"{path}.properties[{name}]", scope)
        if schema.items is not None:
            limit = None if limits is None else limits.max_items
            uncorrelated = "" if schema.list_type == "map" else path
            inside = scope.inside(limit, uncorrelated)
            yield from self.problems(schema.items, f"{path}.items", inside)
        if schema.rules and not any(map(_is_at(path), self.faulty)):
            yield from self._own(schema, path, scope)

    def _own(self, schema: Schema, path: str, scope: _RuleScope) -> Iterator[FieldError]:
        if not self.types.name_of(schema):
            return
        count = max_cardinality(schema) if scope.cardinality is None else scope.cardinality
        for index, rule in enumerate(compile_rules(schema, self.types)):
            where = f"{path}.x-kubernetes-validations[{index}]"
            yield from self._rule(rule, schema, where, count)
            yield from _transition(rule, where, scope.uncorrelated)

    def _rule(
        self, rule: CompiledRule, schema: Schema, path: str, count: int
    ) -> Iterator[FieldError]:
        known = {"self": schema, "oldSelf": schema}
        if rule.program is not None:
            cost = saturated(estimate_cost(rule.program.tree, known) * count)
            if cost > RULE_LIMIT:
                yield forbidden(f"{path}.rule", _excess("estimated rule cost", cost, RULE_LIMIT))
            self._observe(cost, f"{path}.rule")
        if rule.error:
            yield invalid(f"{path}.rule", _shown(rule), rule.error)
        where = f"{path}.messageExpression"
        if rule.message_error:
            yield invalid(where, _shown(rule), rule.message_error)
        elif rule.message is not None:
            cost = estimate_cost(rule.message.tree, known)
            if cost > RULE_LIMIT:
                excess = _excess("estimated messageExpression cost", cost, RULE_LIMIT)
                yield forbidden(where, excess)
            self._observe(cost, where)

    def _observe(self, cost: int, where: str) -> None:
        self.total = saturated(self.total + cost)
        if cost > RULE_LIMIT / 10:
            self.costs.append((cost, where))


def _is_at(path: str) -> Any:
    def test(field: str) -> bool:
        return field.startswith(path) and field[len(path) : len(path) + 1] in ("", ".", "[")

    return test


def _transition(rule: CompiledRule, path: str, uncorrelated: str) -> Iterator[FieldError]:
    text, optional = rule.rule.get("rule", ""), rule.rule.get("optionalOldSelf")
    if rule.compares and uncorrelated:
        detail = "oldSelf cannot be used on the uncorrelatable portion of the schema within"
        yield invalid(f"{path}.rule", text, f"{detail} {uncorrelated}")
    elif not rule.compares and optional is not None:
        detail = "may not be set if oldSelf is not used in rule"
        yield invalid(f"{path}.optionalOldSelf", optional, detail)


def _shown(rule: CompiledRule) -> Any:
    return internal_form(_RULE, rule.rule)


def _excess(subject: str, cost: int, limit: int) -> str:
    factor = cost / limit
    if factor > 100:
        shown = "more than 100x"
    else:
        # Close to the limit, one decimal would not show an excess.
        shown = f"{factor:f}x" if factor < 1.5 else f"{factor:.1f}x"
    return f"{subject} exceeds budget by factor of {shown} {_ADVICE}"
