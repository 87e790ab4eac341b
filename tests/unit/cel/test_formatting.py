"""Texts made with ``format``, and of doubles."""

from __future__ import annotations

import pytest

from apiserver.cel.errors import EvaluationError
from apiserver.cel.formatting import format_text
from apiserver.cel.requestvariables import RequestExpressions

TEXTS = {
    "'%s'.format([['a', 1, 1.5, true, null, b'x', [2]]])": (
        '["a", 1, 1.500000, true, null, b"x", [2]]'
    ),
    "'%s'.format([{'b': 'x', 'a': 2}])": '{"a":2, "b":"x"}',
    "'%s'.format([{2: {true: 1u}}])": "{2:{true:1}}",
    "'%s %s'.format([[timestamp('2020-01-01T00:00:00Z')], [duration('90s')]])": (
        '[timestamp("2020-01-01T00:00:00Z")] [duration("90s")]'
    ),
    "'%s %s'.format([duration('90s'), type(1)])": "90s int",
    "'%s'.format([[type('a'), double('inf')]])": '[string, "+Inf"]',
    "'%s|%.1f|%f'.format([1000000.0, 1234567.89, 0.5])": "1e+06|1,234,567.9|0.500000",
    "'%f %f'.format(['Infinity', 'NaN'])": "∞ NaN",
    "'%e|%.3e'.format([1052.032911275, 0.00025])": (
        "1.052033\u202f\u00d7\u202f10⁰³|2.500000\u202f\u00d7\u202f10⁻⁰⁴"
    ),
    "'%.16e'.format([1.0])": " 1.000000\u202f\u00d7\u202f10⁰⁰",
    "'%x %X %b %o 100%%'.format(['hi', b'hi', -5, 8])": "6869 6869 -101 10 100%",
    "string(1572864000.0) + string(100000.0) + string(0.00001) + string(-1e21)": (
        "1.572864e+091000001e-05-1e+21"
    ),
    "'%d'.format(dyn([1, 2]))": "1",
    "string(quantity('0.3').asApproximateFloat())": "0.30000000000000004",
    "string(quantity('1500Mi').asApproximateFloat())": "1.572864e+09",
    "string(quantity('-500m').asApproximateFloat())": "-0.5",
}
ERRORS = {
    ("%z", ()): "index 0 out of range",
    ("%", (1,)): "unexpected end of string",
    ("%f", (1,)): (
        "error during formatting: fixed-point clause can only be used on doubles, was given int"
    ),
    ("%f", ("one",)): (
        "error during formatting: fixed-point clause can only be used on doubles, was given string"
    ),
    ("%d", (float("inf"),)): (
        "error during formatting: decimal clause can only be used on integers, was given double"
    ),
    ("%é", (1,)): 'could not parse formatting clause: unrecognized formatting clause "Ã"',
}


@pytest.mark.parametrize("source", TEXTS)
def test_texts(source: str) -> None:
    assert RequestExpressions().compile(source).evaluate({})[0] == TEXTS[source]


@pytest.mark.parametrize(("template", "arguments"), ERRORS)
def test_errors(template: str, arguments: tuple[object, ...]) -> None:
    with pytest.raises(EvaluationError) as caught:
        format_text(template, arguments)
    assert str(caught.value) == ERRORS[template, arguments]
