"""Errors of expressions that do not compile, in the words of cel-go."""

from __future__ import annotations

import re

import pytest

from apiserver.cel.errors import CompileError
from apiserver.cel.requestvariables import RequestExpressions

NO_OVERLOAD = "found no matching overload for"
EXPRESSIONS = RequestExpressions()

# Expressions, and for each error its line, its column and its text.
ERRORS = {
    # A receiver stands before the parentheses.
    "'a'.contains(1)": [f"1:13: {NO_OVERLOAD} 'contains' applied to 'string.(int)'"],
    "object.x.startsWith(1)": [f"1:20: {NO_OVERLOAD} 'startsWith' applied to 'dyn.(int)'"],
    "[[1]].sort()": [f"1:11: {NO_OVERLOAD} 'sort' applied to 'list(list(int)).()'"],
    "sets.contains(1, [1])": [
        f"1:14: {NO_OVERLOAD} 'sets.contains' applied to '(int, list(int))'"
    ],
    # What a function takes and returns depends on the types of its arguments.
    "sets.contains([1], ['a'])": [
        f"1:14: {NO_OVERLOAD} 'sets.contains' applied to '(list(int), list(string))'"
    ],
    "[1, 1].distinct() == ['a']": [
        f"1:19: {NO_OVERLOAD} '_==_' applied to '(list(int), list(string))'"
    ],
    "[1].reverse()[0] + 'a' == ''": [f"1:18: {NO_OVERLOAD} '_+_' applied to '(int, string)'"],
    "1.sortBy(x, x) == []": [
        "1:1: sortBy can only be applied to a list, identifier, comprehension, call or select "
        "expression"
    ],
    # A function that takes another number of arguments is known.
    "size()": [f"1:5: {NO_OVERLOAD} 'size' applied to '()'"],
    "size(1, 'a,)')": [f"1:5: {NO_OVERLOAD} 'size' applied to '(int, string)'"],
    "'a'.size(1)": [f"1:9: {NO_OVERLOAD} 'size' applied to 'string.(int)'"],
    "('a' + 'b').startsWith()": [f"1:23: {NO_OVERLOAD} 'startsWith' applied to 'string.()'"],
    "optional.none(1)": [f"1:14: {NO_OVERLOAD} 'optional.none' applied to '(int)'"],
    "optional.none().orValue(1, 2)": [
        f"1:24: {NO_OVERLOAD} 'orValue' applied to 'optional_type(dyn).(int, int)'"
    ],
    "'a'.none()": ["1:9: undeclared reference to 'none' (in container '')"],
    "sets.none(1)": [
        "1:1: undeclared reference to 'sets' (in container '')",
        "1:10: undeclared reference to 'none' (in container '')",
    ],
    # Names of types.
    "null == 1": [f"1:6: {NO_OVERLOAD} '_==_' applied to '(null, int)'"],
    "duration('1h') + 1": [f"1:16: {NO_OVERLOAD} '_+_' applied to '(duration, int)'"],
    "timestamp(1).x": ["1:13: type 'timestamp' does not support field selection"],
    "[timestamp(1), 1]": ["1:16: expected type 'timestamp' but found 'int'"],
    "int([])": [f"1:4: {NO_OVERLOAD} 'int' applied to '(list(dyn))'"],
    "[1].filter(x, x)": [
        f"1:11: {NO_OVERLOAD} '_?_:_' applied to '(int, list(int), list(int))'"
    ],
    "int{}": ["1:1: 'int' is not a message type"],
    # The operands of logic are looked at one by one.
    "1 && 'a'": [
        "1:1: expected type 'bool' but found 'int'", "1:6: expected type 'bool' but found 'string'",
    ],
    "none || 1": [
        "1:1: undeclared reference to 'none' (in container '')",
        "1:9: expected type 'bool' but found 'int'",
    ],
    "object.all(x, 1)": ["1:15: expected type 'bool' but found 'int'"],
    "request.userInfo.groups.exists(g, g)": ["1:35: expected type 'bool' but found 'string'"],
    "object.x &&\n\t'é' && 1": [
        "2:2: expected type 'bool' but found 'string'", "2:9: expected type 'bool' but found 'int'",
    ],
    # What has no fields.
    "url('a').b": ["1:9: unexpected failed resolution of 'kubernetes.URL'"],
    "1.all(x, true)": [
        "1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or "
        "dynamic)"
    ],
    "has(none.x)": ["1:5: undeclared reference to 'none' (in container '')"],
    "a[": [
        "1:3: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', "
        "'\\u003F', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, "
        "IDENTIFIER}"
    ],
}  # fmt: skip


def problem(source: str) -> str:
    with pytest.raises(CompileError) as error:
        EXPRESSIONS.compile(source)
    return str(error.value)


@pytest.mark.parametrize("source", ERRORS)
def test_errors_are_those_of_the_language(source: str) -> None:
    found = re.findall(r"^(?:compilation failed: )?ERROR: <input>:(.*)$", problem(source), re.M)
    assert found == ERRORS[source]


def test_errors_show_where_they_are() -> None:
    assert problem("object.x &&\n\t'é' && 1").endswith(" |  'é' && 1\n | ..．.....^")  # noqa: RUF001


@pytest.mark.parametrize(
    ("source", "type_"),
    [
        ("duration('1h')", "google.protobuf.Duration"),
        ("[timestamp(1)]", "list(google.protobuf.Timestamp)"),
        ("null", "null_type"),
        ("optional.of(quantity('1'))", "optional_type(kubernetes.Quantity)"),
    ],
)
def test_types_of_results_have_their_full_names(source: str, type_: str) -> None:
    with pytest.raises(CompileError) as error:
        EXPRESSIONS.compile(source, "bool")
    assert str(error.value) == f"must evaluate to bool but got {type_}"
