"""Path elements: their canonical spelling, their text and their order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from apiserver.fieldmanager import elements


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ('a"b\\c\n', '"a\\"b\\\\c\\n"'),
        ("<a&b>", '"\\u003ca\\u0026b\\u003e"'),
        ("\u2028é", '"\\u2028é"'),
        (80, "80"),
        (80.0, "80"),
        (-0.5, "-0.5"),
        (2.5, "2.5"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        (0.00001234, "0.00001234"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (True, "true"),
        (None, "null"),
        ({"b": [1, "x"], "a": {}}, '{"a":{},"b":[1,"x"]}'),
    ],
)
def test_values_are_spelled_as_go_spells_them(value: Any, text: str) -> None:
    assert elements.json_text(value) == text


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("f:app.kubernetes.io/name", "f:app.kubernetes.io/name"),
        ("f:", "f:"),
        ('k:{ "protocol": "TCP", "port": 80.0 }', 'k:{"port":80,"protocol":"TCP"}'),
        ('v: "a"', 'v:"a"'),
        ("i:07", "i:7"),
        ("x:from-the-future", None),
    ],
)
def test_elements_have_one_spelling(given: str, canonical: str | None) -> None:
    assert elements.canonical(given) == canonical


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("", "key must be 2 characters long:"),
        ("f", "key must be 2 characters long:"),
        ("field", "missing colon: field"),
        ("v:{", "parsing {: "),
        ('k:"name"', "expected an object of keys: "),
        ("i:first", "expected a number: "),
    ],
)
def test_malformed_elements_are_refused(given: str, complaint: str) -> None:
    with pytest.raises(elements.MalformedElement, match=complaint.replace("{", r"\{")):
        elements.canonical(given)


@pytest.mark.parametrize(
    ("element", "text"),
    [
        ("f:app.kubernetes.io/name", ".app.kubernetes.io/name"),
        ('k:{"containerPort":80,"protocol":"TCP"}', '[containerPort=80,protocol="TCP"]'),
        ('v:"a\\"b"', '[="a\\"b"]'),
        ("v:1.5", "[=1.5]"),
        ("v:true", "[=true]"),
        ("i:3", "[3]"),
    ],
)
def test_elements_have_a_text_for_people(element: str, text: str) -> None:
    assert elements.text(element) == text


def test_the_order_is_by_kind_then_by_value_not_by_spelling() -> None:
    ordered = [
        ".",
        "f:A",
        "f:a",
        'k:{"port":9}',
        'k:{"port":80}',
        'k:{"port":80,"protocol":"TCP"}',
        'k:{"port":"http"}',
        "v:2",
        "v:10",
        'v:"a"',
        "v:true",
        "i:2",
        "i:10",
    ]
    for this, following in itertools.pairwise(ordered):
        assert elements.order(this) < elements.order(following)
