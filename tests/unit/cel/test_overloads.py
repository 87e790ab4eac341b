"""Errors for operands whose types are known only at evaluation."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.cel.errors import CompileError, EvaluationError
from apiserver.cel.requestvariables import RequestExpressions

EXPRESSIONS = RequestExpressions()
NONE = "no such overload"
STRING_CLAUSE = (
    "error during formatting: string clause can only be used on strings, bools, bytes, ints, "
    "doubles, maps, lists, types, durations, and timestamps"
)

ERRORS = {
    # An operator is named where its first operand does not have it.
    "dyn(1) + 'a'": NONE,
    "dyn(true) + 1": f"{NONE}: _+_",
    "dyn({}) < 1": f"{NONE}: _<_",
    "dyn('a') - 1": NONE,
    "-dyn(1u)": f"{NONE}: -_",
    "!dyn(1)": f"{NONE}: !_(int)",
    "1 in dyn(2)": NONE,
    "size(dyn(1))": f"{NONE}: size",
    "dyn(1).matches('a')": f"{NONE}: matches",
    # A function is named with the types of its arguments.
    "dyn(1).startsWith('a')": f"{NONE}: startsWith(int, string)",
    "'abc'.substring(dyn('a'))": f"{NONE}: substring(string, string)",
    "sets.contains(dyn(1), [1])": f"{NONE}: sets.contains(int, list)",
    "dyn(1).isGreaterThan(quantity('1'))": f"{NONE}: isGreaterThan(int, kubernetes.Quantity)",
    "bool(dyn(1))": f"{NONE}: bool(int)",
    "bool(dyn('x'))": "type conversion error from 'string' to 'bool'",
    "dyn(1).all(x, true)": "got 'types.Int', expected iterable type",
    "dyn(1).all(i, x, true)": "unsupported comprehension range type: types.Int",
    "'%s'.format([dyn(quantity('1'))])": f"{STRING_CLAUSE}, was given kubernetes.Quantity",
    "[dyn(1), dyn('a')].join()": f"{NONE}: join(list)",
    "[dyn('a'), dyn(1)].join('-')": "join: invalid input: 1",
    # Versions.
    "semver('')": "Version string empty",
    "semver('1.2')": "No Major.Minor.Patch elements found",
    "semver('v1.2.3')": 'Invalid character(s) found in major number "v1"',
    "semver('1.02.3')": 'Minor number must not contain leading zeroes "02"',
    "semver('1.2.3.4')": 'Invalid character(s) found in patch number "3.4"',
    "semver('1.2.3-')": "Prerelease is empty",
    "semver('1.2.3-a.01')": 'Numeric PreRelease version must not contain leading zeroes "01"',
    "semver('1.2.3-a_b')": 'Invalid character(s) found in prerelease "a_b"',
    "semver('1.2.3+')": "Build meta data is empty",
    "semver('1.2.3+a b')": 'Invalid character(s) found in build meta data "a b"',
    "semver('1..3')": 'strconv.ParseUint: parsing "": invalid syntax',
    "semver('1.2.99999999999999999999')": (
        'strconv.ParseUint: parsing "99999999999999999999": value out of range'
    ),
    "semver('v1.2-a', true)": "short version cannot contain PreRelease/Build meta data",
    "semver('v1.x', true)": 'Invalid character(s) found in minor number "x"',
    # Regular expressions and times.
    "'a'.matches(dyn('('))": "error parsing regexp: missing closing ): `(`",
    "'a'.find(dyn('('))": "Illegal regex: error parsing regexp: missing closing ): `(`",
    "timestamp('9999-12-31T23:59:59Z') + duration('1s')": "timestamp overflow",
}
VALUES = {
    "{'a': 1, 'a': 2}['a']": 2,
    "{dyn('a'): 1, dyn('a'): 2}": {"a": 2},
    "'é'.find(dyn('é'))": "é",
}
UNUSABLE = {
    "object.find('a**') == ''": "error parsing regexp: invalid nested repetition operator: `**`",
    "object.findAll('[') == []": "error parsing regexp: missing closing ]: `[`",
}


@pytest.mark.parametrize("source", ERRORS)
def test_errors(source: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        EXPRESSIONS.compile(source).evaluate({})
    assert str(caught.value) == ERRORS[source]


@pytest.mark.parametrize("source", VALUES)
def test_values(source: str) -> None:
    value: Any = EXPRESSIONS.compile(source).evaluate({})[0]
    assert value == VALUES[source]


@pytest.mark.parametrize("source", UNUSABLE)
def test_patterns_known_before(source: str) -> None:
    with pytest.raises(CompileError) as caught:
        EXPRESSIONS.compile(source)
    assert str(caught.value) == f"program instantiation failed: {UNUSABLE[source]}"
