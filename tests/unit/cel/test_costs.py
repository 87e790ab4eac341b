"""What evaluations cost, and what they may not do however little that costs."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.cel.errors import EvaluationError
from apiserver.cel.objectvalues import MismatchError, check_types, to_document
from apiserver.cel.requestevaluation import (
    Allowance,
    Evaluation,
    Expression,
    OutOfBudgetError,
    TooSlowError,
)
from apiserver.cel.requestvariables import RequestExpressions

OBJECT: dict[str, Any] = {"a": {"b": "x" * 25}, "list": [1, 2, 3], "text": "y" * 31}

# An expression, and its cost: a name and a selection are one step each.
COSTS = {
    "true": 0,
    "object.a.b == object.text": 3 + 2 + 3,
    "has(object.a.b)": 2,
    "'x' in ['x', 'y']": 0,
    "object.text in ['x', 'y']": 2,
    "1 in object.list": 2 + 1,
    "[1, 2].size() == 2": 1 + 1,
    "[object.text].size() == 1": 10 + 2 + 1 + 1,
    "{'a': object.text}.size() == 1": 30 + 2 + 1 + 1,
    "object.text.startsWith('y')": 2 + 4,
    "object.text.contains('yyyyyyyyyyyy')": 2 + 4 * 2,
    "object.text.matches('^y{31}$')": 2 + 4 * 2,
    "object.text + 'z' != ''": 2 + 4 + 0,
    "object.text.lowerAscii() == ''": 2 + 4 + 0,
    "object.text.replace('y', 'z') == ''": 2 + 7 + 0,
    "[1, 2, 3].all(x, x > 0)": 3 * (2 + 1 + 2) + 1,
    "[1, 2, 3].exists(x, x > 2)": 3 * (3 + 1 + 2) + 1,
    "[1, 2, 3].map(x, x + 1).size() == 3": 3 * (1 + 10 + 2 + 1) + 1 + 1 + 1,
    "object.list.sum() == 6": 2 + 3 + 1,
    "object.list.slice(0, 2) == []": 2 + 2 + 11 + 0,
    "object.list.reverse() == []": 2 + 3 + 11 + 0,
    "object.list.sort() == []": 2 + 2 * 9 + 11 + 0,
    "[object.text, dyn('a'), dyn('b')].distinct().size() == 0": 10 + 4 + int(2.1 * 9) + 11 + 1 + 1,
    "lists.range(100).size() == 0": 100 + 11 + 1 + 1,
    "[object.list].flatten().size() == 0": 10 + 2 + 1 + 11 + 1 + 1,
    "!(1 > 2) && (true ? true : false) || object.none": 1 + 1,
}


def evaluated(source: str, allowance: Allowance, **variables: str) -> tuple[Any, int]:
    expressions, composed = RequestExpressions(composes=True), {}
    for name, text in variables.items():
        composed[name] = Expression.compile(expressions, text)
        expressions.declare(name, "dyn")
    expression = Expression.compile(expressions, source)
    assert expression.error == ""
    evaluation = Evaluation({"object": OBJECT}, composed, 10_000_000, allowance)
    return evaluation.value(expression), 10_000_000 - evaluation.left


@pytest.mark.parametrize("source", COSTS)
def test_costs(source: str) -> None:
    assert evaluated(source, Allowance.of_thread())[1] == COSTS[source]


def test_a_binding_is_not_changed() -> None:
    source = "(variables.empty + [1]) == [1] && variables.empty == []"
    assert evaluated(source, Allowance.of_thread(), empty="[]")[0] is True


def doubled(times: int, first: str) -> dict[str, str]:
    names = {"v0": first}
    for number in range(times):
        names[f"v{number + 1}"] = f"variables.v{number} + variables.v{number}"
    return names


def test_what_grows_without_costs_has_a_limit() -> None:
    with pytest.raises(EvaluationError, match="actual cost limit exceeded"):
        evaluated("variables.v40.size() > 0", Allowance.of_thread(), **doubled(40, "[1]"))
    with pytest.raises(TooSlowError):
        evaluated("variables.v15.size() > 0", Allowance.of_loop(), **doubled(15, "[1]"))


HUGE = {
    "object.text.replace('y', variables.long).size() > 0": doubled(18, "'0123456789'"),
    "'%s%s'.format([variables.long, variables.long]).size() > 0": doubled(19, "'0123456789'"),
}


@pytest.mark.parametrize("source", HUGE)
def test_texts_have_a_limit(source: str) -> None:
    names = HUGE[source]
    names["long"] = f"variables.{list(names)[-1]}"
    with pytest.raises(EvaluationError, match="actual cost limit exceeded"):
        evaluated(source, Allowance.of_thread(), **names)


def nested(times: int, name: str) -> dict[str, str]:
    """Return variables of which each has the one before it twice."""
    names = {f"{name}0": "[1]"}
    for number in range(times):
        inner = f"variables.{name}{number}"
        names[f"{name}{number + 1}"] = f"[{inner}, {inner}]"
    return names


@pytest.mark.parametrize(
    "source",
    [
        "variables.a60 == variables.b60",
        "{'k': variables.a60} != {'k': variables.b60}",
        "variables.a60 in [variables.b60]",
        "sets.contains([variables.a60], [variables.b60])",
        "[variables.a60].indexOf(variables.b60) == 0",
        "'%s'.format([variables.a60]) == ''",
    ],
)
def test_what_refers_to_a_list_again_and_again_is_not_walked(source: str) -> None:
    names = nested(60, "a") | nested(60, "b")
    with pytest.raises((EvaluationError, OutOfBudgetError), match=r"cost (limit|budget)"):
        evaluated(source, Allowance.of_thread(), **names)


def test_a_patch_is_neither_too_large_nor_too_deep() -> None:
    value: Any = [1]
    for _ in range(60):
        value = [value, value]
    check_types(value, "Object")
    with pytest.raises(MismatchError, match="too large"):
        to_document(value)
    for _ in range(100_000):
        value = [value]
    for convert in (to_document, lambda deep: check_types(deep, "Object")):
        with pytest.raises(MismatchError, match="too deep"):
            convert(value)
