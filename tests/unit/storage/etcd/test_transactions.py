"""Keys as etcd has them, and the answers of guarded transactions."""

from __future__ import annotations

import pytest

from storage.etcd import rpc
from storage.etcd.transactions import Transaction, decode_key, encode_key, key_range, prefix_end
from storage.interface import ABSENT, Delete, Put, Record

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
    transaction = Transaction([Put("/a", b"v", 5)], {"/ns": 3, "/x": ABSENT})
    answers = [
        ([kv("/a", 6)], [kv("/ns", 3)], []),
        ([kv("/a", 5)], [kv("/ns", 4)], [kv("/x", 2)]),
        ([kv("/a", 5)], [], []),
        ([kv("/a", 5)], [kv("/ns", 3)], [kv("/x", 2)]),
    ]
    found = []
    for answer in answers:
        responses = [read(*kvs) for kvs in answer]
        conflict = transaction.conflict(rpc.TxnResponse(responses=responses))
        found.append((conflict.key, conflict.expected, conflict.current))
    assert found == [
        ("/a", 5, Record("/a", b"v", 6, 6)),
        ("/ns", 3, Record("/ns", b"v", 4, 4)),
        ("/ns", 3, None),
        ("/x", ABSENT, Record("/x", b"v", 2, 2)),
    ]


def test_a_deletion_of_nothing_conflicts() -> None:
    transaction = Transaction([Put("/a", b"v", ABSENT), Delete("/b", ABSENT)])
    compared = [compare.mod_revision for compare in transaction.request().compare]
    assert compared == [ABSENT, -1]
    conflict = transaction.conflict(rpc.TxnResponse(responses=[read(), read()]))
    assert (conflict.key, conflict.expected, conflict.current) == ("/b", ABSENT, None)


FOUND = [
    # what is there, whether the change may have made it
    (None, False),
    (Record("/a", b"v", 6, 6), True),
    (Record("/a", b"w", 6, 6), False),
    (Record("/a", b"v", 5, 5), False),
]


@pytest.mark.parametrize(("current", "found"), FOUND)
def test_a_change_is_found_by_its_value_at_a_later_revision(
    current: Record[bytes] | None, found: bool
) -> None:
    records = Transaction([Put("/a", b"v", 5)]).found([current])
    assert records == ([current] if found else None)
    assert Transaction([Delete("/a", 5)]).found([current]) is None


def test_a_commit_is_found_where_all_of_it_is_there_at_one_revision() -> None:
    transaction = Transaction([Put("/a", b"v", 5), Put("/b", b"w", ABSENT)])
    a, b = Record("/a", b"v", 9, 3), Record("/b", b"w", 9, 9)
    assert transaction.found([a, b]) == [a, b]
    assert transaction.found([a, None]) is None
    assert transaction.found([a, Record("/b", b"w", 10, 9)]) is None
    assert transaction.found([a, Record("/b", b"other", 9, 9)]) is None


@pytest.mark.parametrize(
    ("changes", "once"),
    [
        ([Put("/a", b"v", ABSENT), Put("/b", b"v", ABSENT)], False),
        ([Put("/a", b"v", ABSENT), Put("/b", b"v", 5)], True),
        ([Put("/a", b"v", ABSENT), Delete("/b", 5)], True),
    ],
)
def test_what_replaces_or_deletes_can_succeed_only_once(
    changes: list[Put[bytes] | Delete], once: bool
) -> None:
    assert Transaction(changes, {"/ns": 3}).once is once
