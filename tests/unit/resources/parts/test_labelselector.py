"""Label selectors of objects."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.resources.builtin.parts.labelselector import (
    format_map,
    format_selector,
    is_empty,
    selector_matches,
    validate_label_selector,
)

LABELS = {"app": "a", "tier": "t"}
MATCHES: list[tuple[dict[str, Any] | None, bool]] = [
    (None, False),
    ({}, True),
    ({"matchLabels": {"app": "a"}}, True),
    ({"matchLabels": {"app": "b"}}, False),
    ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}]}, True),
    ({"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["a"]}]}, True),
    ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
    ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
]


@pytest.mark.parametrize(("selector", "expected"), MATCHES)
def test_a_selector_selects_what_meets_all_conditions(
    selector: dict[str, Any] | None, expected: bool
) -> None:
    assert selector_matches(selector, LABELS) is expected


def test_an_operator_that_there_is_not_selects_nothing_and_says_so() -> None:
    selector = {"matchExpressions": [{"key": "a", "operator": "Is", "values": ["b"]}]}
    with pytest.raises(ValueError, match='"Is" is not a valid label selector operator'):
        selector_matches(selector, {})


MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"key": "a", "operator": "In"},
        ["s.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' "
         "or 'NotIn'"],
    ),
    (
        {"key": "a", "operator": "Exists", "values": ["b"]},
        ["s.matchExpressions[0].values: Forbidden: may not be specified when `operator` is "
         "'Exists' or 'DoesNotExist'"],
    ),
    (
        {"key": "a", "operator": "Is"},
        ['s.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator'],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "errors"), MISTAKES)
def test_the_mistakes_of_a_selector_are_told(expression: dict[str, Any], errors: list[str]) -> None:
    found = validate_label_selector({"matchExpressions": [expression]}, "s")
    assert [str(error) for error in found] == errors


def test_a_lenient_look_takes_any_value() -> None:
    selector = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["-"]}]}
    (error,) = validate_label_selector(selector, "s")
    assert error.field == "s.matchExpressions[0].values[0]"
    assert validate_label_selector(selector, "s", lenient=True) == []


def test_selectors_and_labels_are_shown_by_key() -> None:
    selector = {
        "matchLabels": {"c": "d"},
        "matchExpressions": [
            {"key": "a", "operator": "NotIn", "values": ["z", "b"]},
            {"key": "x", "operator": "DoesNotExist"},
        ],
    }
    assert format_selector(selector) == "a notin (b,z),c=d,!x"
    assert format_selector({}) == format_map(None) == "<none>"
    assert format_map({"b": "c", "a": ""}) == "a=,b=c"
    assert is_empty({"matchLabels": {}})
