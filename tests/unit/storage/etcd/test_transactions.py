"""Keys as etcd has them, and the answers of guarded transactions."""

from __future__ import annotations

import pytest

from storage.etcd import rpc
from storage.etcd.transactions import Change, decode_key, encode_key, key_range, prefix_end
from storage.interface import ABSENT, Record

RANGES = [
    ("/a/", "", b"/a/", b"/a0"),
    ("/a/", "/a/b\0", b"/a/b\0", b"/a0"),
    ("/a/", "/", b"/a/", b"/a0"),
    ("", "", b"\0", b"\0"),
    ("", "/a", b"/a", b"\0"),
]


@pytest.mark.parametrize(("prefix", "start", "first", "end"), RANGES)
def test_ranges(prefix: str, start: str, first: bytes, end: bytes) -> None:
    assert key_range(prefix, start) == (first, end)


def test_the_end_of_a_prefix_that_ends_with_the_greatest_byte() -> None:
    assert prefix_end(b"a\xff\xff") == b"b"
    assert prefix_end(b"\xff") == b""


@pytest.mark.parametrize("key", [b"/a", "/ä".encode(), b"/\xff\xfe", b"\0"])
def test_keys_of_any_bytes_survive(key: bytes) -> None:
    assert encode_key(decode_key(key)) == key


def kv(key: str, revision: int, value: bytes = b"v") -> rpc.KeyValue:
    """Return a key and value as etcd has them."""
    return rpc.KeyValue(
        key=key.encode(), value=value, mod_revision=revision, create_revision=revision
    )


def read(*kvs: rpc.KeyValue) -> rpc.ResponseOp:
    """Return what a read inside of a transaction answers."""
    return rpc.ResponseOp(response_range=rpc.RangeResponse(kvs=kvs))


def test_a_conflict_is_over_the_first_guard_that_does_not_hold() -> None:
    change = Change("/a", b"v", 5, {"/ns": 3, "/x": ABSENT})
    answers = [
        ([kv("/a", 6)], [kv("/ns", 3)], []),
        ([kv("/a", 5)], [kv("/ns", 4)], [kv("/x", 2)]),
        ([kv("/a", 5)], [], []),
        ([kv("/a", 5)], [kv("/ns", 3)], [kv("/x", 2)]),
    ]
    found = []
    for answer in answers:
        responses = [read(*kvs) for kvs in answer]
        conflict = change.conflict(rpc.TxnResponse(responses=responses))
        found.append((conflict.key, conflict.expected, conflict.current))
    assert found == [
        ("/a", 5, Record("/a", b"v", 6, 6)),
        ("/ns", 3, Record("/ns", b"v", 4, 4)),
        ("/ns", 3, None),
        ("/x", ABSENT, Record("/x", b"v", 2, 2)),
    ]


MADE = [
    # what is there, whether the change may have made it
    (None, False),
    (Record("/a", b"v", 6, 6), True),
    (Record("/a", b"w", 6, 6), False),
    (Record("/a", b"v", 5, 5), False),
]


@pytest.mark.parametrize(("current", "made"), MADE)
def test_a_change_is_found_by_its_value_at_a_later_revision(
    current: Record[bytes] | None, made: bool
) -> None:
    assert Change("/a", b"v", 5).made(current) is made
    assert not Change("/a", None, 5).made(current)
