"""The text forms of values in messages. The figures are those that Go programs print."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.machinery.quoting import (
    go_string,
    go_syntax,
    go_type,
    go_value,
    json_escaped,
    json_number,
    quote,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "<nil>"),
        (True, "true"),
        (80, "80"),
        ("text", "text"),
        ({}, "map[]"),
        ([], "[]"),
        ({"b": [1, "x"], "a": {"c": None}}, "map[a:map[c:<nil>] b:[1 x]]"),
        (1.0, "1"),
        (0.25, "0.25"),
        (-0.0, "-0"),
        (1e-5, "1e-05"),
        (0.0001, "0.0001"),
        (123456.5, "123456.5"),
        (250000.0, "250000"),
        (1234567.0, "1.234567e+06"),
        (1.5e20, "1.5e+20"),
        (1e21, "1e+21"),
        (-1.25e300, "-1.25e+300"),
    ],
)
def test_values_as_go_prints_them(value: Any, shown: str) -> None:
    assert go_value(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x", "x"),
        (None, "%!s(<nil>)"),
        (1, "%!s(int64=1)"),
        (True, "%!s(bool=true)"),
        (["x", 0.5], "[x %!s(float64=0.5)]"),
        ({"a": "x"}, "map[a:x]"),
    ],
)
def test_values_as_texts_that_they_are_not(value: Any, shown: str) -> None:
    assert go_string(value) == shown


def test_types_have_their_go_names() -> None:
    values = [None, {}, [], "", 1, 1.0, True]
    assert list(map(go_type, values)) == [
        "%!s(<nil>)",
        "map[string]interface {}",
        "[]interface {}",
        "string",
        "int64",
        "float64",
        "bool",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "interface {}(nil)"),
        ("a\n", '"a\\n"'),
        (1e6, "1e+06"),
        (False, "false"),
        (
            {"b": [1, None], "a": {}},
            'map[string]interface {}{"a":map[string]interface {}{}, '
            '"b":[]interface {}{1, interface {}(nil)}}',
        ),
    ],
)
def test_values_in_the_syntax_of_go(value: Any, shown: str) -> None:
    assert go_syntax(value) == shown


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (0.000001, "0.000001"),
        (0.0000015, "0.0000015"),
        (1.5e-7, "1.5e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.25e300, "-1.25e+300"),
    ],
)
def test_numbers_as_go_writes_them_in_json(number: float, text: str) -> None:
    assert json_number(number) == text


def test_json_that_may_stand_in_html() -> None:
    assert json_escaped('"<&>\u2028"') == '"\\u003c\\u0026\\u003e\\u2028"'


@pytest.mark.parametrize(
    ("text", "quoted"), [("a", '"a"'), ('"\\', r'"\"\\"'), ("\x01\u200b", r'"\x01\u200b"')]
)
def test_texts_are_quoted(text: str, quoted: str) -> None:
    assert quote(text) == quoted
