"""Guarded changes as etcd transactions: how they are asked for and how their answers read.

A change compares the revisions of its key and of the keys that it requires. Where one differs,
the transaction reads them all instead, so that a conflict carries what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from storage.errors import RevisionConflict
from storage.etcd import rpc
from storage.interface import ABSENT, Record


@dataclass(frozen=True, slots=True)
class Change:
    """A put, or a delete where there is no ``value``, of ``key`` as it was at ``expected``."""

    key: str
    value: bytes | None
    expected: int
    requires: Mapping[str, int] = field(default_factory=dict)
    lease: int = 0

    def request(self) -> rpc.TxnRequest:
        """Return the transaction that makes this change."""
        guards = [(encode_key(self.key), self.expected)]
        guards += [(encode_key(key), revision) for key, revision in self.requires.items()]
        return rpc.TxnRequest(
            compare=[
                rpc.Compare(target=rpc.Compare.MOD, key=key, mod_revision=revision)
                for key, revision in guards
            ],
            success=self._operations(guards[0][0]),
            failure=[rpc.RequestOp(request_range=rpc.RangeRequest(key=key)) for key, _ in guards],
        )

    def done(self, answer: rpc.TxnResponse) -> Record[bytes]:
        """Return the record that a transaction which succeeded has written or deleted."""
        revision = answer.header.revision
        if self.value is None:
            (deleted,) = answer.responses[0].response_delete_range.prev_kvs
            return Record(self.key, deleted.value, revision, deleted.create_revision)
        if self.expected == ABSENT:
            return Record(self.key, self.value, revision, revision)
        (written,) = answer.responses[1].response_range.kvs
        return Record(self.key, self.value, revision, written.create_revision)

    def conflict(self, answer: rpc.TxnResponse) -> RevisionConflict:
        """Return the first guard that did not hold, with what is there instead."""
        guards = [(self.key, self.expected), *self.requires.items()]
        for (key, expected), response in zip(guards, answer.responses, strict=True):
            current = first_record(response.response_range.kvs)
            if (current.revision if current else ABSENT) != expected:
                return RevisionConflict(key, expected, current)
        raise AssertionError("a transaction failed although every guard holds")

    def made(self, current: Record[bytes] | None) -> bool:
        """Tell whether ``current`` is what this change wrote."""
        return (
            current is not None
            and self.value is not None
            and current.value == self.value
            and current.revision > self.expected
        )

    def _operations(self, key: bytes) -> list[rpc.RequestOp]:
        if self.value is None:
            deletion = rpc.DeleteRangeRequest(key=key, prev_kv=True)
            return [rpc.RequestOp(request_delete_range=deletion)]
        put = rpc.PutRequest(key=key, value=self.value, lease=self.lease)
        operations = [rpc.RequestOp(request_put=put)]
        if self.expected != ABSENT:
            # Only etcd knows when the key was made; the old value need not travel for that.
            read = rpc.RangeRequest(key=key, keys_only=True)
            operations.append(rpc.RequestOp(request_range=read))
        return operations


def encode_key(key: str) -> bytes:
    """Return the bytes of a key."""
    return key.encode("utf-8", "surrogateescape")


def decode_key(key: bytes) -> str:
    """Return the text of a key; bytes that are no UTF-8, which others may write, survive."""
    return key.decode("utf-8", "surrogateescape")


def key_range(prefix: str, start: str = "") -> tuple[bytes, bytes]:
    """Return the range of the keys that begin with ``prefix`` and do not come before ``start``."""
    first = encode_key(prefix)
    # To etcd a zero byte stands for the first key at one end and for no end at the other.
    end = prefix_end(first) or b"\0"
    return max(first, encode_key(start)) or b"\0", end


def prefix_end(prefix: bytes) -> bytes:
    """Return the first key after all that begin with ``prefix``; nothing when there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else b""


def to_record(kv: rpc.KeyValue) -> Record[bytes]:
    """Return etcd's key and value as a record."""
    return Record(decode_key(kv.key), kv.value, kv.mod_revision, kv.create_revision)


def first_record(kvs: Iterable[rpc.KeyValue]) -> Record[bytes] | None:
    """Return the record of the only key that was read, if it is there."""
    return next((to_record(kv) for kv in kvs), None)
