"""Literals that cannot mean what they are used for."""

from __future__ import annotations

import pytest

from apiserver.cel.errors import CompileError, InstantiationError
from apiserver.cel.formatting import NEEDS
from apiserver.cel.requestvariables import RequestExpressions

DURING = "error during formatting"
PROBLEMS = {
    "duration('x') < duration('1s')": (10, "invalid duration argument"),
    "timestamp('today') == timestamp('2026-01-01T00:00:00Z')": (11, "invalid timestamp argument"),
    "'a'.matches('[')": (13, "invalid matches argument"),
    "[1, 'a'].size() == 2": (5, "expected type 'int' but found 'string'"),
    "[object.a, 1, 2.0] == []": (12, "expected type 'dyn' but found 'int'"),
    "object.a in ['a', object.b]": (25, "expected type 'string' but found 'dyn'"),
    "[[], ['a'], [1]].size() == 3": (13, "expected type 'list(string)' but found 'list(int)'"),
    "[1, []].size() == 2": (5, "expected type 'int' but found 'list(dyn)'"),
    "[duration('1s'), null].size() == 2": (18, "expected type 'duration' but found 'null'"),
    "[type(1), type('a')] == []": (15, "expected type 'type(int)' but found 'type(string)'"),
    "[{'a': 1}, {'a': 'b'}] == []": (
        12,
        "expected type 'map(string, int)' but found 'map(string, string)'",
    ),
    "{'a': 1, ?'b': object.?b} == {}": (22, "expected type 'int' but found 'dyn'"),
    "[optional.of(1), optional.of('a')] == []": (
        29,
        "expected type 'optional_type(int)' but found 'optional_type(string)'",
    ),
    "{'a': 1, 'b': [1]} == {}": (15, "expected type 'int' but found 'list(int)'"),
    "{'a': 1, 2: 1} == {}": (10, "expected type 'string' but found 'int'"),
    "[null, 1] == []": (8, "expected type 'null' but found 'int'"),
    "object.all(x, [x, 1, 'a'] == [])": (19, "expected type 'dyn' but found 'int'"),
    "'%d'.format(['x']) == ''": (14, f"{DURING}: {NEEDS['d']}, was given string"),
    "'%d'.format([1.5]) == ''": (14, f"{DURING}: {NEEDS['d']}, was given double"),
    "'%f'.format([1]) == ''": (14, f"{DURING}: {NEEDS['f']}, was given int"),
    "'%e'.format([true]) == ''": (14, f"{DURING}: {NEEDS['e']}, was given bool"),
    "'%x'.format([1.5]) == ''": (14, f"{DURING}: {NEEDS['x']}, was given double"),
    "'%o'.format([null]) == ''": (14, f"{DURING}: {NEEDS['o']}, was given null_type"),
    "'%b'.format([{}]) == ''": (14, f"{DURING}: {NEEDS['b']}, was given map"),
    "'%s'.format([request]) == ''": (
        14,
        f"{DURING}: {NEEDS['s']}, was given kubernetes.AdmissionRequest",
    ),
    "'%s'.format([[{'a': optional.of(1)}]]) == ''": (
        32,
        f"{DURING}: {NEEDS['s']}, was given optional_type",
    ),
    "'%s'.format([]) == ''": (12, "index 0 out of range"),
    "'%s %d'.format(['a']) == ''": (15, "index 1 out of range"),
    "'%s'.format(['a', 'b']) == ''": (
        12,
        "too many arguments supplied to string.format (expected 1, got 2)",
    ),
    "'100%'.format([]) == ''": (14, "unexpected end of string"),
    "'%z'.format(['a']) == ''": (
        12,
        'could not parse formatting clause: unrecognized formatting clause "z"',
    ),
    "'%.f'.format([1.0]) == ''": (
        13,
        "could not parse formatting clause: error while parsing precision: error while converting "
        'precision to integer: strconv.Atoi: parsing "": invalid syntax',
    ),
    "'%.3'.format([1.0]) == ''": (
        13,
        "could not parse formatting clause: error while parsing precision: could not find end of "
        "precision specifier",
    ),
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


def test_each_entry_of_a_map_is_compared_with_the_first() -> None:
    with pytest.raises(CompileError) as caught:
        RequestExpressions().compile("{'a': object.a, 'b': 1, 'c': ''} == {}", "bool")
    assert [line for line in str(caught.value).splitlines() if "expected" in line] == [
        "compilation failed: ERROR: <input>:1:22: expected type 'dyn' but found 'int'",
        "ERROR: <input>:1:30: expected type 'dyn' but found 'string'",
    ]


def test_the_line_of_a_problem() -> None:
    with pytest.raises(CompileError) as caught:
        RequestExpressions().compile("true &&\n 'ä' == '' && [1, 'a'] == []", "bool")
    assert "<input>:2:19: expected type 'int'" in str(caught.value)


VALID = """
'%%%s %.2f %d'.format([object, object.size, dyn(1)]) == ''
object.template.format([1]) == '' && '%d'.format(object.list) == ''
'%f %s'.format(['Infinity', {'a': [type(1), null, duration('1s')]}]) == ''
'%s %d'.format(['a', 1]) == ''
'a'.matches(object.pattern) && duration(object.text) > duration('1s')
{'a': 1, ?'b': optional.of(2)}.size() == 1 && [?optional.of(1), 2].size() == 2
[dyn(1), object.a].size() == 2 && [[], ['a'], []].size() == 3
'%s %s'.format([[1, 'a'], {'a': [1, object.b]}]) == ''
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
