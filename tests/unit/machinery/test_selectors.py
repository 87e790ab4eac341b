"""Label and field selectors: what they select and what they refuse."""

from __future__ import annotations

import pytest

from apiserver.machinery.fieldselectors import parse_field_selector
from apiserver.machinery.labels import SelectorError, parse_label_selector

LABELS = {
    "app": "web",
    "tier": "front",
    "weight": "7",
    "empty": "",
    "spaced": "1_0",
    "large": "9223372036854775808",
}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", True),
        ("app", True),
        ("!app", False),
        ("app=web", True),
        ("app==web", True),
        ("app!=web", False),
        ("missing!=web", True),
        ("app in (web, api)", True),
        ("app notin (web)", False),
        ("missing notin (web)", True),
        ("weight>6", True),
        ("weight<7", False),
        ("tier>1", False),
        ("spaced>1", False),
        ("large>1", False),
        ("empty=", True),
        ("empty in ()", True),
        ("app=web,tier=back", False),
        (" app = web , !in ", True),
        ("in in (in)", False),
    ],
)
def test_label_selectors_select(selector: str, selected: bool) -> None:
    assert parse_label_selector(selector).matches(LABELS) is selected


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("a,", "found '', expected: identifier after ','"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    ],
)
def test_label_selectors_refuse(selector: str, message: str) -> None:
    with pytest.raises(SelectorError) as refusal:
        parse_label_selector(selector)
    assert str(refusal.value) == message


INTEGER = "for 'Gt', 'Lt' operators, the value must be an integer"


@pytest.mark.parametrize(
    ("selector", "messages"),
    [
        ("a>b", [f'[0]: Invalid value: "b": {INTEGER}']),
        ("a>1_0", [f'[0]: Invalid value: "1_0": {INTEGER}']),
        ("a<9223372036854775808", [f'[0]: Invalid value: "9223372036854775808": {INTEGER}']),
        ("a>b-", [f'[0]: Invalid value: "b-": {INTEGER}', '[0][a]: Invalid value: "b-": a valid']),
        ("a in (c-, b-, d, b-)", ['[0][a]: Invalid value: "b-": a', '[1][a]: Invalid value: "c-"']),
    ],
)
def test_invalid_values_of_label_selectors_are_listed(selector: str, messages: list[str]) -> None:
    with pytest.raises(SelectorError) as refusal:
        parse_label_selector(selector)
    first, *others = str(refusal.value).split("values")
    assert first == "unable to parse requirement: " + ("[" if len(messages) > 1 else "")
    assert len(others) == len(messages)
    for problem, message in zip(others, messages, strict=True):
        assert problem.startswith(message)


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", True),
        ("metadata.name=a", True),
        ("metadata.name==a", True),
        ("metadata.name!=a", False),
        ("metadata.name=a,spec.x=b\\,c", True),
        ("spec.missing=", True),
    ],
)
def test_field_selectors_select(selector: str, selected: bool) -> None:
    fields = {"metadata.name": "a", "spec.x": "b,c"}
    assert parse_field_selector(selector).matches(lambda name: fields.get(name, "")) is selected


@pytest.mark.parametrize("selector", ["a", "a=b=c", "a=b\\x"])
def test_field_selectors_refuse(selector: str) -> None:
    with pytest.raises(SelectorError):
        parse_field_selector(selector)
