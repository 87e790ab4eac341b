"""Literals that cannot mean what they are used for."""

from __future__ import annotations

import pytest

from apiserver.cel.errors import CompileError, InstantiationError
from apiserver.cel.requestvariables import RequestExpressions

PROBLEMS = {
    "duration('x') < duration('1s')": (10, "invalid duration argument"),
    "timestamp('today') == timestamp('2026-01-01T00:00:00Z')": (11, "invalid timestamp argument"),
    "'a'.matches('[')": (13, "invalid matches argument"),
    "[1, 'a'].size() == 2": (5, "expected type 'int' but found 'string'"),
    "[object.a, 1, 2.0] == []": (15, "expected type 'int' but found 'double'"),
    "{'a': 1, 'b': [1]} == {}": (15, "expected type 'int' but found 'list(int)'"),
    "{'a': 1, 2: 1} == {}": (10, "expected type 'string' but found 'int'"),
    "[null, 1] == []": (8, "expected type 'null' but found 'int'"),
    "object.all(x, [x, 1, 'a'] == [])": (22, "expected type 'int' but found 'string'"),
}


@pytest.mark.parametrize("source", PROBLEMS)
def test_problems(source: str) -> None:
    column, text = PROBLEMS[source]
    with pytest.raises(CompileError) as caught:
        RequestExpressions().compile(source, "bool")
    assert str(caught.value) == (
        f"compilation failed: ERROR: <input>:1:{column}: {text}\n"
        f" | {source}\n | {'.' * (column - 1)}^"
    )


def test_the_line_of_a_problem() -> None:
    with pytest.raises(CompileError) as caught:
        RequestExpressions().compile("true &&\n 'ä' == '' && [1, 'a'] == []", "bool")
    assert "<input>:2:19: expected type 'int'" in str(caught.value)


VALID = """
'%s %d'.format(['a', 1]) == ''
[dyn(1), 'a', object.b].size() == 3
[[], ['a'], [1]].size() == 3
[timestamp('2026-01-01T00:00:00Z'), null].size() == 2
'a'.matches(object.pattern) && duration(object.text) > duration('1s')
{'a': 1, ?'b': object.?b}.size() == 1
"""


@pytest.mark.parametrize("source", VALID.strip().splitlines())
def test_valid(source: str) -> None:
    RequestExpressions().compile(source, "bool")


def test_a_literal_that_cannot_be_converted() -> None:
    with pytest.raises(InstantiationError) as caught:
        RequestExpressions().compile("int('a') == 1", "bool")
    assert str(caught.value) == (
        "program instantiation failed: type conversion error from 'string' to 'int'"
    )
    with pytest.raises(CompileError, match="must evaluate to bool but got int"):
        RequestExpressions().compile("int('a')", "bool")
