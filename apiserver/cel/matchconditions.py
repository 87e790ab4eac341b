"""Match conditions: whether a webhook or policy applies to a request (KEP-3716).

Any condition that is false means no, whatever the others are. Only where none is false do errors
count: they fail the request, or, if the failure policy is Ignore, mean no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apiserver.cel.errors import EvaluationError
from apiserver.cel.requestevaluation import (
    CONDITIONS_LIMIT,
    Allowance,
    Evaluation,
    Expression,
    OutOfBudgetError,
    RequestValues,
)
from apiserver.cel.requestvariables import RequestExpressions


class ConditionError(Exception):
    """Conditions could not be evaluated; the text is that of the API server."""


class MatchConditions:
    """The match conditions of a webhook or policy, compiled."""

    def __init__(
        self, conditions: Sequence[Mapping[str, Any]], *, has_params: bool = False
    ) -> None:
        expressions = RequestExpressions(has_params=has_params)
        self._expressions = [
            Expression.compile(expressions, condition.get("expression", ""), "bool")
            for condition in conditions
        ]

    def match(self, values: RequestValues, allowance: Allowance, *, fails: bool) -> bool:
        """Return whether all conditions are true.

        ``fails``: the failure policy is Fail. Raises ConditionError, and, to be tried again, what
        `apiserver.cel.requestevaluation.Evaluation.value` raises for that.
        """
        variables = values.variables(authorizes=True)
        evaluation = Evaluation(variables, {}, CONDITIONS_LIMIT, allowance)
        errors = []
        for expression in self._expressions:
            try:
                if evaluation.value(expression) is False:
                    return False
            except EvaluationError as error:
                errors.append(str(error))
            except OutOfBudgetError as error:
                if fails:
                    raise ConditionError(str(error)) from None
                return False
        if errors and fails:
            distinct = list(dict.fromkeys(errors))
            text = f"[{', '.join(distinct)}]" if len(distinct) > 1 else distinct[0]
            raise ConditionError(text)
        return not errors
