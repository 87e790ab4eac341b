"""EtcdStore: the `Store` interface on an etcd cluster.

A commit is a transaction that compares revisions. Once it has succeeded, a comparison with an
existing revision can never hold again; a comparison with `ABSENT` can, if the key is deleted. If
the response to a commit is lost, what can be done depends on its changes:

============================  ==================================================================
every change is a create      Read the keys. If all our values are there, at one revision, the
                              commit succeeded. Otherwise the outcome is unknown, because the
                              transaction may still be committed
one replaces or deletes       Send the same transaction again. If it conflicts and all our values
                              are there, at one revision, the commit succeeded. Otherwise the
                              outcome is unknown: another process may have overwritten them
one deletes                   As above, but a conflict always means an unknown outcome: another
                              process may have deleted the key
============================  ==================================================================
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from storage.commits import check_keys, too_large
from storage.compaction import COMPACT_REV_KEY
from storage.errors import Compacted, FutureRevision, OutcomeUnknown, TooManyKeys, Unavailable
from storage.etcd import rpc
from storage.etcd.connection import (
    AnswerLost,
    Connection,
    LeaseNotFound,
    RequestTooLarge,
    TransactionTooLarge,
    WatchStream,
)
from storage.etcd.grpc_channel import TLSFiles
from storage.etcd.leases import Leases
from storage.etcd.transactions import Transaction, encode_key, first_record, key_range, to_record
from storage.etcd.watch import (
    PROGRESS_REQUEST,
    WatchAssembler,
    reports_progress_in_order,
    watch_request,
)
from storage.interface import (
    LATEST,
    NO_REQUIREMENTS,
    Batch,
    Change,
    FeedStore,
    Page,
    Put,
    Record,
)
from storage.slices import SLICE, slices

_CHUNK: Final = 10_000
#: A revision is a signed integer of 64 bits.
_LARGEST_REVISION: Final = (1 << 63) - 1
_PAUSES: Final = (0.0, 0.05, 0.5)
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_OPEN_ATTEMPTS: Final = 4

log = logging.getLogger(__name__)


class EtcdStore(FeedStore[bytes]):
    """A store of bytes in etcd."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._leases = Leases(connection)
        self._compacted = 0
        self._pending: dict[str, list[_Pending]] = {}
        self._streams: set[WatchStream] = set()

    @classmethod
    async def open(
        cls,
        endpoints: Sequence[str],
        *,
        cafile: str = "",
        certfile: str = "",
        keyfile: str = "",
    ) -> EtcdStore:
        """Connect to a cluster. Raises Unavailable if no member responds."""
        store = cls(Connection(endpoints, TLSFiles(cafile, certfile, keyfile)))
        try:
            for attempt in range(_OPEN_ATTEMPTS):
                try:
                    await store.revision()
                    break
                except Unavailable as error:
                    if attempt == _OPEN_ATTEMPTS - 1:
                        raise
                    log.warning("waiting for etcd: %s", error)
        except BaseException:
            await store.close()
            raise
        return store

    async def get(self, key: str, *, revision: int = LATEST) -> Record[bytes] | None:
        await self._check_range(revision)
        answer = await self._range(rpc.RangeRequest(key=encode_key(key), revision=revision))
        return first_record(answer.kvs)

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        await self._check_range(revision)
        first, end = key_range(prefix, start)
        records: list[Record[bytes]] = []
        while True:
            # Read large results in chunks of one revision, so that no single request takes long.
            request = rpc.RangeRequest(
                key=first, range_end=end, limit=limit or _CHUNK, revision=revision
            )
            answer = await self._range(request)
            for few in slices(answer.kvs):
                records.extend(map(to_record, few))
                if len(few) == SLICE:
                    await asyncio.sleep(0)
            revision = revision or answer.header.revision
            if limit or not answer.more:
                return Page(records, revision, answer.count - len(answer.kvs))
            first = answer.kvs[-1].key + b"\0"

    async def commit(
        self, changes: Sequence[Change[bytes]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        check_keys(changes, requires)
        leases = await self._leases_for(changes)
        try:
            return await self._make(Transaction(changes, requires, leases))
        except LeaseNotFound:
            for lease in leases.values():
                self._leases.forget(lease)
            leases = await self._leases_for(changes)
            return await self._make(Transaction(changes, requires, leases))
        except RequestTooLarge as error:
            raise too_large(changes) from error
        except TransactionTooLarge as error:
            raise TooManyKeys(len(changes) + len(requires), 0) from error

    def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        return self._resumed(prefix, WatchAssembler(prefix, after))

    def feed(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        return self._resumed(prefix, WatchAssembler(prefix, after, feed=True))

    async def revision(self) -> int:
        request = rpc.RangeRequest(key=encode_key(COMPACT_REV_KEY), count_only=True)
        return (await self._connection.range(request)).header.revision

    async def compact(self, revision: int) -> None:
        try:
            await self._connection.compact(rpc.CompactionRequest(revision=revision))
        except FutureRevision as error:
            raise FutureRevision(revision, await self.revision()) from error
        self._compacted = max(self._compacted, revision)

    def current_revision(self) -> int | None:
        return None

    def compact_revision(self) -> int:
        return self._compacted

    def request_progress(self) -> bool:
        for stream in self._streams:
            try:
                stream.write(PROGRESS_REQUEST)
            except Unavailable as error:
                log.debug("requesting progress failed: %s", error)
        return bool(self._streams)

    async def close(self) -> None:
        await self._connection.close()

    async def _check_range(self, revision: int) -> None:
        if revision > _LARGEST_REVISION:
            raise FutureRevision(revision, await self.revision())

    async def _range(self, request: rpc.RangeRequest) -> rpc.RangeResponse:
        try:
            return await self._connection.range(request)
        except FutureRevision as error:
            raise FutureRevision(request.revision, await self.revision()) from error

    async def _leases_for(self, changes: Sequence[Change[bytes]]) -> Mapping[int, int]:
        leases: dict[int, int] = {}
        for change in changes:
            if isinstance(change, Put) and change.ttl and change.ttl not in leases:
                leases[change.ttl] = await self._leases.take(change.ttl)
        return leases

    async def _make(self, transaction: Transaction) -> Sequence[Record[bytes]]:
        request = transaction.request()
        pending = _Pending(transaction.changes, self._pending)
        try:
            answer = await self._connection.change(request)
            if not answer.succeeded:
                raise transaction.conflict(answer)
            return pending.claim(transaction.done(answer))
        except AnswerLost as lost:
            log.warning("%s: the response to a change was lost: %s", pending.key, lost)
            return pending.claim(await self._find_out(transaction, request, pending))
        finally:
            pending.close()

    async def _find_out(
        self, transaction: Transaction, request: rpc.TxnRequest, pending: _Pending
    ) -> Sequence[Record[bytes]]:
        current: Sequence[Record[bytes] | None]
        try:
            if transaction.once:
                answer = await self._again(request)
                if answer.succeeded:
                    return transaction.done(answer)
                current = [
                    first_record(response.response_range.kvs)
                    for response in answer.responses[: len(transaction.changes)]
                ]
            else:
                keys = [change.key for change in transaction.changes]
                current = await asyncio.gather(*map(self.get, keys))
        except (AnswerLost, Unavailable) as error:
            raise OutcomeUnknown(pending.key) from error
        found = transaction.found(current)
        if found is None or found[0].revision in pending.taken:
            raise OutcomeUnknown(pending.key)
        return found

    async def _again(self, request: rpc.TxnRequest) -> rpc.TxnResponse:
        for pause in _PAUSES:
            try:
                return await self._connection.change(request)
            except (AnswerLost, Unavailable) as error:
                log.warning("the response was lost again: %s", error)
            await asyncio.sleep(pause)
        return await self._connection.change(request)

    async def _resumed(
        self, prefix: str, reading: WatchAssembler
    ) -> AsyncGenerator[Batch[bytes], None]:
        pause = _FIRST_PAUSE
        while True:
            try:
                async with aclosing(self._stream(prefix, reading)) as batches:
                    async for batch in batches:
                        pause = _FIRST_PAUSE
                        yield batch
            except Unavailable as error:
                if self._connection.closed:
                    raise
                log.warning("the watch on etcd failed, resuming: %s", error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _stream(
        self, prefix: str, reading: WatchAssembler
    ) -> AsyncGenerator[Batch[bytes], None]:
        # etcd delivers events sooner to a watch that has no past revision to catch up on.
        start = reading.reached + await self._is_newest(reading)
        async with self._connection.watch() as stream:
            reading.begin(stream.version)
            stream.write(watch_request(prefix, start, feed=reading.feed))
            if reports_progress_in_order(stream.version):
                self._streams.add(stream)
            try:
                while True:
                    batch = reading.take(await stream.read())
                    self._compacted = max(self._compacted, reading.compacted)
                    if batch is not None:
                        yield batch
            finally:
                self._streams.discard(stream)

    async def _is_newest(self, reading: WatchAssembler) -> bool:
        request = rpc.RangeRequest(
            key=encode_key(COMPACT_REV_KEY), count_only=True, revision=reading.reached
        )
        try:
            return (await self._connection.range(request)).header.revision <= reading.reached
        except FutureRevision as error:
            if reading.begun:
                # etcd was restored to a revision before one already delivered: cannot resume.
                raise Compacted(reading.reached, 0) from error
            return True


class _Pending:
    """A commit in flight, and the revisions that belong to other commits in flight.

    ``all_pending`` maps each key to the commits in flight that change it. It tells apart two
    commits that write the same bytes, of which only one has succeeded.
    """

    def __init__(
        self, changes: Sequence[Change[bytes]], all_pending: dict[str, list[_Pending]]
    ) -> None:
        self._keys = [change.key for change in changes]
        self._all = all_pending
        self.taken: set[int] = set()
        for key in self._keys:
            all_pending.setdefault(key, []).append(self)

    @property
    def key(self) -> str:
        """The key to report in errors."""
        return self._keys[0]

    def claim(self, records: Sequence[Record[bytes]]) -> Sequence[Record[bytes]]:
        """Record that this commit wrote ``records``."""
        for key in self._keys:
            for other in self._all[key]:
                if other is not self:
                    other.taken.add(records[0].revision)
        return records

    def close(self) -> None:
        """Record that the commit is no longer in flight."""
        for key in self._keys:
            pending = self._all[key]
            pending.remove(self)
            if not pending:
                del self._all[key]
