"""When two values are the same: by type, whatever the order of their members."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.machinery.equality import deep_equal, equal_but_for


@pytest.mark.parametrize(
    ("value", "other", "equal"),
    [
        (1, 1, True),
        (1, True, False),
        (1, 1.0, False),
        (0, False, False),
        (0.0, -0.0, False),
        (None, False, False),
        ("1", 1, False),
        ("a", "a", True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": [{"b": 1}]}, {"a": [{"b": True}]}, False),
        ({"b": {"y": 1.0, "x": 0}, "a": 1}, {"a": 1, "b": {"x": 0, "y": 1}}, False),
        ([1, 2], [2, 1], False),
        ({"a": None}, {}, False),
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_values_are_the_same_by_type(value: Any, other: Any, equal: bool, large: bool) -> None:
    if large:
        padding = "x" * (1 << 18)
        value, other = {"p": padding, "v": value}, {"v": other, "p": padding}
    assert deep_equal(value, other) is equal
    assert deep_equal(other, value) is equal


def test_a_value_equals_its_copy() -> None:
    value: dict[str, Any] = {"a": [{"b": [1, 1.5, True, None, "x"]}]}
    assert deep_equal(value, {"a": [{"b": [1, 1.5, True, None, "x"]}]})


OBJECT: dict[str, Any] = {
    "kind": "A",
    "metadata": {"name": "a", "uid": "u", "resourceVersion": "1"},
    "spec": {"n": 1},
}


@pytest.mark.parametrize(
    ("changes", "equal"),
    [
        ({}, True),
        ({"metadata": {"resourceVersion": "2", "uid": "u", "name": "a"}}, True),
        ({"metadata": {"name": "a", "uid": "u"}}, True),
        ({"metadata": {"name": "a", "uid": "v"}}, False),
        ({"metadata": {"name": "a", "uid": "u", "generation": 1}}, False),
        ({"spec": {"n": 2}}, False),
        ({"spec": {"n": 1.0}}, False),
        ({"status": None}, False),
    ],
)
def test_objects_are_the_same_but_for_some_of_their_metadata(
    changes: dict[str, Any], equal: bool
) -> None:
    other = {**OBJECT, **changes}
    assert equal_but_for(OBJECT, other, ("resourceVersion",)) is equal
    assert equal_but_for(other, OBJECT, ("resourceVersion",)) is equal
    assert OBJECT["metadata"]["resourceVersion"] == "1"
