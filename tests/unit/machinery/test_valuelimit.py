"""Documents of too many names and values are refused, in every format that bodies have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apiserver.endpoints.body import LIMIT
from apiserver.machinery import valuelimit
from apiserver.machinery.documents import parse_json, parse_yaml
from apiserver.machinery.errors import RequestEntityTooLarge
from apiserver.machinery.valuelimit import MAX_VALUES
from apiserver.schema.protobuf import decode_message
from apiserver.schema.structtypes import struct_type


def text(item: str, count: int) -> bytes:
    """Return a document of ``count`` items."""
    return ('{"a":[' + ",".join([item] * count) + "]}").encode()


def members(count: int) -> bytes:
    return ("{" + ",".join(f'"{i:x}":0' for i in range(count)) + "}").encode()


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
@pytest.mark.parametrize(
    "data",
    [text("[]", MAX_VALUES), text("1", MAX_VALUES), text('"\\","', MAX_VALUES),
     text('"[\\""', MAX_VALUES), text("[[[]]]", MAX_VALUES // 3), members(MAX_VALUES // 2 + 1)],
    ids=["lists", "numbers", "commas", "escapes", "nested", "members"],
)  # fmt: skip
def test_too_many_values_are_refused(parse: Callable[[bytes], Any], data: bytes) -> None:
    with pytest.raises(RequestEntityTooLarge, match="limit is 250000 names and values"):
        parse(data)


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
@pytest.mark.parametrize(
    "data",
    [text("1", MAX_VALUES - 3), members(MAX_VALUES // 2), text('",[{:"', MAX_VALUES // 2),
     text('"\\",[{:"', MAX_VALUES // 2 - 9), text('"' + '[\\",' * 600_000 + '"', 1),
     text('"' + "\\\\" * 99 + '"', 9000)],
    ids=["numbers", "members", "strings", "escaped quotes", "one string", "backslashes"],
)  # fmt: skip
def test_what_stands_in_strings_does_not_count(parse: Callable[[bytes], Any], data: bytes) -> None:
    assert parse(data)


def test_values_in_yaml_are_counted_with_what_aliases_add() -> None:
    fits, too_many = MAX_VALUES // 2, MAX_VALUES + 1
    assert len(parse_yaml(b"- a\n" * fits)[0]) == fits
    aliased = (
        b"a: &a [" + b"b," * 999 + b"]\nc: [" + b"[x, x, x, x, x, x, x, x, x, *a]," * 300 + b"]"
    )
    for data in (b"- a\n" * too_many, aliased):
        with pytest.raises(RequestEntityTooLarge):
            parse_yaml(data)


@pytest.mark.parametrize("path", [b"\x12", b"\x0a"], ids=["messages", "strings"])
def test_repeated_values_of_protobuf_are_counted(path: bytes) -> None:
    """Empty addresses of one endpoint, or empty endpoints of a slice."""
    items = (path + b"\x00") * (MAX_VALUES + 1)
    if path == b"\x0a":
        items = b"\x12" + _length(len(items)) + items
    with pytest.raises(RequestEntityTooLarge):
        decode_message(struct_type("discovery.v1.EndpointSlice"), items)
    # The next document begins at zero.
    decode_message(struct_type("discovery.v1.EndpointSlice"), b"\x12\x00" * 1000)


def _length(size: int) -> bytes:
    coded = bytearray()
    while size > 0x7F:
        coded.append(size & 0x7F | 0x80)
        size >>= 7
    coded.append(size)
    return bytes(coded)


def test_no_step_of_counting_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strings are cut out of pieces, whatever stands in the text."""
    longest = 0

    def count(piece: bytes) -> int:
        nonlocal longest
        longest = max(longest, len(piece) if piece is not data else 0)
        return MAX_VALUES + 1 if piece is data else 0

    monkeypatch.setattr(valuelimit, "_count", count)
    for data in (text('"a"', LIMIT // 4), b"[" * LIMIT, b'"' * LIMIT):
        valuelimit.check_text(data)
        assert longest <= valuelimit._PIECE
