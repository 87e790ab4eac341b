"""The expressions of a policy, compiled. What does not compile fails when it is evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.cel.matchconditions import MatchConditions
from apiserver.cel.requestevaluation import Allowance, Evaluation, Expression, RequestValues
from apiserver.cel.requestvariables import RequestExpressions
from apiserver.machinery.valueclasses import valueclass

_DYNAMIC: Final = "dyn"


@valueclass
class CompiledPolicy:
    """The common parts of validating and mutating policies: conditions and variables."""

    conditions: MatchConditions | None
    variables: Mapping[str, Expression]

    def applies(self, values: RequestValues, allowance: Allowance, *, fails: bool) -> bool:
        """Return whether the match conditions are met. Raises ConditionError."""
        return self.conditions is None or self.conditions.match(values, allowance, fails=fails)

    def evaluation(
        self, values: RequestValues, budget: int, allowance: Allowance, *, authorizes: bool
    ) -> Evaluation:
        """Return an evaluation of expressions, which may use the variables."""
        variables = values.variables(authorizes=authorizes)
        return Evaluation(variables, self.variables, budget, allowance)


def compile_common(
    spec: Mapping[str, Any],
) -> tuple[RequestExpressions, MatchConditions | None, Mapping[str, Expression]]:
    """Return what compiles the other expressions of a policy, its conditions and its variables."""
    has_params = spec.get("paramKind") is not None
    given = spec.get("matchConditions")
    conditions = MatchConditions(given, has_params=has_params) if given else None
    expressions = RequestExpressions(has_params=has_params, composes=True)
    return expressions, conditions, _variables(spec.get("variables") or (), expressions)


def _variables(
    variables: Sequence[Mapping[str, Any]], expressions: RequestExpressions
) -> Mapping[str, Expression]:
    compiled = {}
    for variable in variables:
        name = variable.get("name") or ""
        expression = Expression.compile(expressions, variable.get("expression") or "")
        compiled[name] = expression
        type_ = _DYNAMIC if expression.program is None else expression.program.type
        expressions.declare(name, type_)
    return compiled
