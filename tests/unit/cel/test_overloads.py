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

PARSE_IP = 'IP Address "{0}" parse error during conversion from string: ParseAddr("{0}"): '
PARSE_CIDR = 'network address parse error during conversion from string: netip.ParsePrefix("{}"): '
ADDRESSES = {
    "": "unable to parse IP",
    "a%b": "missing IPv6 address",
    "1.2.3": "IPv4 address too short",
    "1.2.3.4.5": "IPv4 address too long",
    "1.2.3.": 'IPv4 field must have at least one digit (at ".")',
    "1..2.3": 'IPv4 field must have at least one digit (at ".2.3")',
    "1.2.3.04": "IPv4 field has octet with leading zero",
    "1.2.3.256": "IPv4 field has value >255",
    "1.2.3.x": 'unexpected character (at "x")',
    ":::": 'each colon-separated field must have at least one digit (at ":")',
    "1:2:3": "address string too short",
    "1:2:3:4:5:6:7:8:9": 'trailing garbage after address (at "9")',
    "1::2::3": 'multiple :: in address (at ":3")',
    "12345::": 'each group must have 4 or less digits (at "12345::")',
    "fe80::g": 'each colon-separated field must have at least one digit (at "g")',
    "fe80::1g": 'unexpected character, want colon (at "g")',
    "fe80:": 'colon must be followed by more characters (at ":")',
    "::1.2.3": "IPv4 address too short",
    "1:2:1.2.3.4": (
        'embedded IPv4 address must replace the final 2 fields of the address (at "1.2.3.4")'
    ),
    "1::2:3:4:5:6:7:8": "the :: must expand to at least one field of zeros",
    "::1%": "zone must be a non-empty string",
}
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
    "{'a': 1}[dyn(true)]": "no such key: true",
    # Addresses.
    **{f"ip('{text}')": f"{PARSE_IP.format(text)}{problem}" for text, problem in ADDRESSES.items()},
    "ip('fe80::1%eth0')": 'IP address "fe80::1%eth0" with zone value is not allowed',
    "ip('::ffff:1.2.3.4')": 'IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed',
    "cidr('::ffff:1.2.3.4/120')": 'IPv4-mapped IPv6 address "::ffff:1.2.3.4/120" is not allowed',
    "cidr('10.0.0.0')": f"""{PARSE_CIDR.format("10.0.0.0")}no '/'""",
    "cidr('10.0/8')": f'{PARSE_CIDR.format("10.0/8")}ParseAddr("10.0"): IPv4 address too short',
    "cidr('10.0.0.0/08')": f'{PARSE_CIDR.format("10.0.0.0/08")}bad bits after slash: "08"',
    "cidr('10.0.0.0/33')": f"{PARSE_CIDR.format('10.0.0.0/33')}prefix length out of range",
    "cidr('fe80::%a/64')": (
        f"{PARSE_CIDR.format('fe80::%a/64')}IPv6 zones cannot be present in a prefix"
    ),
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
    "{true: 1, false: 2}[false]": 2,
    "{1: 'a'}[?dyn(true)].hasValue()": False,
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
