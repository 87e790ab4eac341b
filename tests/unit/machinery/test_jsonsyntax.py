"""Syntax errors of invalid JSON, and the cost of finding them."""

from __future__ import annotations

import sys
from types import FrameType

import pytest

from apiserver.machinery.jsonsyntax import syntax_error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "unexpected end of JSON input"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1]', "invalid character ']' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("[1.]", "invalid character ']' after decimal point in numeric literal"),
        ("[NaN]", "invalid character 'N' looking for beginning of value"),
        ("[-Infinity]", "invalid character 'I' in numeric literal"),
        ('"a\n"', "invalid character '\\n' in string literal"),
        ('["\\q"]', "invalid character 'q' in string escape code"),
        ("[" * 10_001, "exceeded max depth"),
        ('{"a":[1,{"b":null},-0.5e+3,"\\u00e9"]}', None),
    ],
)
def test_what_is_wrong_is_said_as_go_says_it(text: str, expected: str | None) -> None:
    assert syntax_error(text) == expected


@pytest.mark.parametrize(
    "member", ["1,", '"a",', '{"a":[1]},', '{"a":{"b":null}},', '"\\n\\u00e9",']
)
def test_what_stands_before_a_mistake_is_passed_over_many_members_at_a_time(member: str) -> None:
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    text = "[" + member * 20_000 + "x"
    # The expression for many members is compiled when it is first needed.
    assert syntax_error("[1,x")
    sys.setprofile(count)
    try:
        found = syntax_error(text)
    finally:
        sys.setprofile(None)
    assert found == "invalid character 'x' looking for beginning of value"
    assert calls < 1000
