"""YAML as Go's library reads and writes it, and what it may cost."""

from __future__ import annotations

import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.errors import RequestEntityTooLarge
from apiserver.machinery.yamldocuments import dump, parse

OUT_OF_RANGE = "into Go value of type float64"


def value(text: str) -> Any:
    return parse(text.encode()).value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("a: [1, '2', 0x10, 010, 08, 1_000, .5, ~, yes, 'yes']",
         {"a": [1, "2", 16, 8, 8, 1000, 0.5, None, True, "yes"]}),
        ("{1: a, true: b, 1.5: c}", {"1": "a", "true": "b", "1.5": "c"}),
        ("a: !!binary aGk=", {"a": "hi"}),
        ("a: !!str 1", {"a": "1"}),
        ("a: !other 1", {"a": "1"}),
        ("a: !!float 1", {"a": 1}),
        ("[1.0, -2., 1e3, 1.5, 1e-3, 1e18, 12345678901234567.0]",
         [1, -2, 1000, 1.5, 0.001, 10**18, 12345678901234568]),
        ("&a 1.0", 1),
        ("- &a 1e2\n- *a\n- {*a : *a}", [100, 100, {"100": 100}]),
        ("2026-01-01", "2026-01-01"),
        ("0x" + "0" * 300 + "1", 1),
        ("0x" + "f" * 20, float(16**20)),
        ("-" + "9" * 30, -1e30),
        ("a: 1\n---\n[", {"a": 1}),
        ('"<<": 1', {"<<": 1}),
    ],
)  # fmt: skip
def test_what_documents_mean(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected
    assert repr(found) == repr(expected)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: *b", "yaml: unknown anchor 'b' referenced"),
        ("a: &a [*a]", "yaml: anchor 'a' value contains itself"),
        ("<<: 1", "yaml: map merge requires map or sequence of maps as the value"),
        ("a: !!binary aGk", "yaml: !!binary value contains invalid base64 data"),
        ("a: !!int x", "yaml: cannot decode !!str `x` as a !!int"),
        ("5" * 5000, OUT_OF_RANGE),
        ("0x" + "f" * 300, OUT_OF_RANGE),
        ("0" + "7" * 400, OUT_OF_RANGE),
        ("1e400", OUT_OF_RANGE),
        ("5" * 5000 + ": 1", OUT_OF_RANGE),
        ("[" * 300, "exceeded max depth"),
        ("a: &a " + "[" * 200 + "]" * 200 + "\nb: " + "[" * 100 + "*a" + "]" * 100, "max depth"),
    ],
)
def test_documents_that_make_no_sense(text: str, complaint: str) -> None:
    with pytest.raises(DocumentError) as error:
        value(text)
    assert complaint in str(error.value)


def test_merge_keys_are_taken_in_their_order() -> None:
    anchors = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\n"
    assert value(anchors + "z: {<<: [*x, *y], c: 3}")["z"] == {"a": 1, "b": 1, "c": 3}
    assert value(anchors + "z: {c: 3, <<: *y}")["z"] == {"b": 2, "c": 2}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\na: 2", ['  line 2: key "a" already set in map']),
        ("1: a\n0x1: b", ["  line 2: key 1 already set in map"]),
        ("x: &x\n  a: 1\nz:\n  <<: *x\n  a: 2", ['  line 5: key "a" already set in map']),
        ("x: &x\n  a: 1\nz:\n  a: 2\n  <<: *x", ['  line 2: key "a" already set in map']),
        ("a:\n  b: 1\n  b: 2\na: 3", [
            '  line 3: key "b" already set in map', '  line 4: key "a" already set in map',
        ]),
    ],
)  # fmt: skip
def test_keys_that_are_there_twice(text: str, found: list[str]) -> None:
    assert parse(text.encode()).duplicates == ["yaml: unmarshal errors:\n" + "\n".join(found)]


def calls(text: str) -> int:
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(note)
    try:
        # Of some, aliases make too much.
        with suppress(DocumentError, RequestEntityTooLarge):
            parse(text.encode())
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "text",
    [
        lambda n: "a: 1\n" * n,
        lambda n: "a:\n  <<: [" + ", ".join(f"{{k{i}: 1}}" for i in range(n)) + "]",
        lambda n: "a: &a {" + ", ".join(f"k{i}: 1" for i in range(n)) + "}\nb: {<<: ["
        + ", ".join(["*a"] * n) + "]}",
        lambda n: "a: &a x\nb: [" + ", ".join(["*a"] * n) + "]",
    ],
    ids=["repeated", "merged", "merged again and again", "aliases"],
)  # fmt: skip
def test_a_document_of_twice_the_length_costs_twice_as_much(text: Any) -> None:
    assert calls(text(2000)) < 2.6 * calls(text(1000))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{chr(c)}: &{chr(c)} [{', '.join([f'*{chr(c - 1)}'] * 9)}]\n" for c in range(98, 106)
        ),
        "a: &a '" + "x" * 100_000 + "'\nb: [" + ", ".join(["*a"] * 1000) + "]",
    ],
    ids=["nodes", "bytes"],
)
def test_aliases_may_not_make_much_of_little(text: str) -> None:
    with pytest.raises(DocumentError, match="excessive aliasing"):
        value(text)


@pytest.mark.parametrize("text", ["5" * 5000, "0x" + "f" * 300, "5", "yes", "1e400", ".inf"])
def test_strings_that_look_like_numbers_are_quoted(text: str) -> None:
    written = dump({"a": text, text: "b"})
    assert value(written.decode()) == {"a": text, text: "b"}


def test_keys_stand_in_the_order_of_go() -> None:
    keys = ["_x", "1a", "1-", "12", "Ab", "a-", "a1", "a01", "a2", "a10", "a" + "5" * 5000, "ab"]
    assert list(value(dump(dict.fromkeys(reversed(keys))).decode())) == keys
