"""What a test of a JSON patch compares: scalars by their text, as they were sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apiserver.patch import json_patch
from apiserver.patch.errors import PatchDoesNotApply
from apiserver.patch.rawjson import Number, is_written_as, read_raw


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (2, "2"), (0, "0"), (2.5, "2.5"), (2.0, "2"), (1e21, "1e+21"), (1e-7, "1e-7"),
        (-2.5e-9, "-2.5e-9"), (1e20, "100000000000000000000"),
        ("a", '"a"'), ('"\\', r'"\"\\"'), ("<&>", r'"\u003c\u0026\u003e"'), ("\n", r'"\n"'),
        ("é", '"é"'), ("a\\u0061", r'"a\\u0061"'),
        (None, "null"), (True, "true"), ([1, "a"], '[1, "a"]'), ({"a": [{}]}, '{"a": [{}]}'),
        ({"a": 1}, r'{"\u0061": 1}'), ({'"': 1}, r'{"\"": 1}'),
    ],
)  # fmt: skip
def test_a_value_has_the_text_that_go_writes(value: Any, sent: str) -> None:
    assert is_written_as(value, read_raw(sent.encode()))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (2, "2.0"), (2, "2e0"), (2, '"2"'), (2, "true"), ("2", "2"), (1, "true"), (True, "1"),
        ("a", r'"\u0061"'), ("<", '"<"'), ("é", r'"\u00e9"'), (None, "0"), (False, "null"),
        ([1], "[1, 2]"), ([1], '{"0": 1}'), ({"a": 1}, "{}"), ({}, '{"a": null}'), ([], "null"),
    ],
)  # fmt: skip
def test_another_text_is_another_value(value: Any, sent: str) -> None:
    assert not is_written_as(value, read_raw(sent.encode()))


def test_numbers_and_strings_are_kept_apart() -> None:
    assert read_raw(b'["1", 1]') == ["1", Number("1")]
    assert [type(each) for each in read_raw(b'["1", 1]')] == [str, Number]


@pytest.mark.parametrize(("sent", "applies"), [("2", True), ("2.0", False), ('"2"', False)])
def test_only_a_test_compares_text(sent: str, applies: bool) -> None:
    body = f'[{{"op":"test","path":"/a","value":{sent}}},{{"op":"add","path":"/b","value":{sent}}}]'
    operations = json_patch.parse(body.encode())
    if applies:
        assert json_patch.apply({"a": 2}, operations) == {"a": 2, "b": json.loads(sent)}
    else:
        with pytest.raises(PatchDoesNotApply):
            json_patch.apply({"a": 2}, operations)
