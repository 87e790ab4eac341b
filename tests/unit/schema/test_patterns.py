"""Regular expressions, and the errors of invalid ones."""

from __future__ import annotations

import string
import time

import pytest

from apiserver.schema.patterns import InvalidPattern, PatternCheck, matcher


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("^[a-z]+$", "abc\n", False),
        (r"\p{L}", "ö", True),
        ("(?i)B", "abc", True),
        ("x{1000}", "x" * 999, False),
    ],
)
def test_an_expression_is_found_anywhere(pattern: str, text: str, found: bool) -> None:
    assert matcher(pattern)(text) is found


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("[", "missing closing ]: `[`"),
        ("(", "missing closing ): `(`"),
        (")", "unexpected ): `)`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        (r"\8", r"invalid escape sequence: `\8`"),
    ],
)
def test_the_errors_are_those_of_go(pattern: str, error: str) -> None:
    with pytest.raises(InvalidPattern) as raised:
        matcher(pattern)
    assert str(raised.value) == f"error parsing regexp: {error}"
    assert PatternCheck().problem(pattern) == f"error parsing regexp: {error}"


def test_a_schema_may_have_few_large_expressions() -> None:
    patterns = PatternCheck()
    large = [rf"[\p{{L}}{letter}]{{9}}" for letter in string.ascii_uppercase]
    problems = list(map(patterns.problem, large))
    assert problems[:16] == [""] * 16
    assert problems[16] == f"error parsing regexp: expression too large: `{large[16]}`"
    assert patterns.problem("^[a-z]{1,63}$") == ""
    assert matcher(large[16])("\u00f6" * 9)
    too_large = r"\pL{1000}"
    assert "too large" in PatternCheck().problem(too_large)


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "^(a|aa)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_no_expression_takes_long(pattern: str) -> None:
    matches = matcher(pattern)
    start = time.process_time()
    assert not matches("a" * 100_000 + "!")
    assert time.process_time() - start < 20
