"""Commits as etcd transactions: builds the requests and reads the responses. Pure.

A transaction compares the revisions of the keys that it changes and of those that it requires.
If one differs, it reads all of these keys instead, so that a conflict carries the current record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from storage.errors import RevisionConflict
from storage.etcd import rpc
from storage.interface import ABSENT, NO_REQUIREMENTS, Change, Delete, Record

NO_LEASES: Final[Mapping[int, int]] = {}


#: A revision that no key has.
_NONE: Final = -1


class Transaction:
    """A commit as one etcd transaction. ``leases`` maps a time to live to a lease ID."""

    def __init__(
        self,
        changes: Sequence[Change[bytes]],
        requires: Mapping[str, int] = NO_REQUIREMENTS,
        leases: Mapping[int, int] = NO_LEASES,
    ) -> None:
        self.changes = changes
        self._guards = [(change.key, change.expected) for change in changes]
        self._guards += requires.items()
        self._leases = leases

    @property
    def once(self) -> bool:
        """Whether the transaction can succeed at most once, however often it is sent.

        This holds if it changes a key that it expects to exist: the change gives the key a new
        revision, and the old one never returns.
        """
        return any(change.expected != ABSENT for change in self.changes)

    def request(self) -> rpc.TxnRequest:
        """Return the request to etcd."""
        # Messages are filled in where they belong, which takes half the time of building each one.
        request = rpc.TxnRequest()
        for (name, _), revision in zip(self._guards, self._revisions(), strict=True):
            key, guard = encode_key(name), request.compare.add()
            guard.target, guard.key, guard.mod_revision = rpc.Compare.MOD, key, revision
            request.failure.add().request_range.key = key
        for change in self.changes:
            self._describe(change, request.success.add())
        return request

    def done(self, answer: rpc.TxnResponse) -> list[Record[bytes]]:
        """Return the records that the successful transaction wrote or deleted."""
        revision = answer.header.revision
        return [
            _done(change, response, revision)
            for change, response in zip(self.changes, answer.responses, strict=True)
        ]

    def conflict(self, answer: rpc.TxnResponse) -> RevisionConflict:
        """Return the conflict of the first comparison that failed, with the current record."""
        guards = zip(self._guards, self._revisions(), answer.responses, strict=True)
        for (key, expected), needed, response in guards:
            current = first_record(response.response_range.kvs)
            if (current.revision if current else ABSENT) != needed:
                return RevisionConflict(key, expected, current)
        raise AssertionError("a transaction failed although every guard holds")

    def found(self, current: Sequence[Record[bytes] | None]) -> list[Record[bytes]] | None:
        """Return the records written if the current records prove that the commit succeeded.

        ``current`` has the current records of the changed keys. The absence of a key does not
        prove which transaction deleted it, so the result is None for a transaction that deletes.
        """
        records = []
        for change, record in zip(self.changes, current, strict=True):
            if record is None or not _wrote(change, record):
                return None
            records.append(record)
        return records if len({record.revision for record in records}) == 1 else None

    def _revisions(self) -> list[int]:
        # A missing key has revision 0 in etcd. A deletion of a missing key must not succeed.
        revisions = [expected for _, expected in self._guards]
        for number, change in enumerate(self.changes):
            if change.expected == ABSENT and isinstance(change, Delete):
                revisions[number] = _NONE
        return revisions

    def _describe(self, change: Change[bytes], operation: rpc.RequestOp) -> None:
        if isinstance(change, Delete):
            deletion = operation.request_delete_range
            deletion.key, deletion.prev_kv = encode_key(change.key), True
            return
        put = operation.request_put
        put.key, put.value = encode_key(change.key), change.value
        put.lease = self._leases[change.ttl] if change.ttl else 0
        # etcd returns the creation revision of the key only with the previous record.
        put.prev_kv = change.expected != ABSENT


def _done(change: Change[bytes], response: rpc.ResponseOp, revision: int) -> Record[bytes]:
    if isinstance(change, Delete):
        (deleted,) = response.response_delete_range.prev_kvs
        return Record(change.key, deleted.value, revision, deleted.create_revision)
    if change.expected == ABSENT:
        return Record(change.key, change.value, revision, revision)
    created = response.response_put.prev_kv.create_revision
    return Record(change.key, change.value, revision, created)


def _wrote(change: Change[bytes], record: Record[bytes]) -> bool:
    if isinstance(change, Delete):
        return False
    return record.value == change.value and record.revision > change.expected


def encode_key(key: str) -> bytes:
    """Return a key as bytes."""
    return key.encode("utf-8", "surrogateescape")


def decode_key(key: bytes) -> str:
    """Return a key as text. Invalid UTF-8, which other clients may write, is preserved."""
    return key.decode("utf-8", "surrogateescape")


def key_range(prefix: str, start: str = "") -> tuple[bytes, bytes]:
    """Return the range of the keys that begin with ``prefix`` and are not before ``start``."""
    first = encode_key(prefix)
    # In etcd a zero byte means the first key as the start, and no limit as the end.
    end = prefix_end(first) or b"\0"
    return max(first, encode_key(start)) or b"\0", end


def prefix_end(prefix: bytes) -> bytes:
    """Return the first key after all that begin with ``prefix``; empty if there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else b""


def to_record(kv: rpc.KeyValue) -> Record[bytes]:
    """Return etcd's key and value as a record."""
    return Record(decode_key(kv.key), kv.value, kv.mod_revision, kv.create_revision)


def first_record(kvs: Iterable[rpc.KeyValue]) -> Record[bytes] | None:
    """Return the record of the only key that was read, or None if it does not exist."""
    return next((to_record(kv) for kv in kvs), None)
