"""Connection: requests to a cluster of etcd members, and the errors they raise.

There are three sorts of request, which differ in how a lost response is handled:

- *repeatable* requests (reads, compaction, lease grants) are retried on the next member;
- *changes* are sent once, over a connection known to be up, and raise `AnswerLost` if their outcome
  is unknown. The store then determines the outcome from the keys of the transaction;
- *streams* end, and their reader resumes them.

The calls are made by `storage.etcd.grpc_channel`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Generic, Protocol, Self, TypeVar

from storage.errors import Compacted, FutureRevision, OutOfSpace, StorageError, Unavailable
from storage.etcd import rpc
from storage.etcd.grpc_channel import GRPCChannel, GRPCStream, TLSFiles
from storage.etcd.grpc_status import CallError, StatusCode

CONNECT_WAIT: Final = 3.0
#: Seconds to wait for a response: from the only member, and from one of several.
ANSWER_TIMEOUT: Final = 15.0
ANSWER_TIMEOUT_OF_SEVERAL: Final = 5.0

# A member without a leader then fails the request at once instead of blocking it.
_METADATA: Final = {"hasleader": "true"}
_REFUSED_CODES: Final = frozenset(
    {
        StatusCode.INVALID_ARGUMENT,
        StatusCode.NOT_FOUND,
        StatusCode.ALREADY_EXISTS,
        StatusCode.PERMISSION_DENIED,
        StatusCode.RESOURCE_EXHAUSTED,
        StatusCode.FAILED_PRECONDITION,
        StatusCode.OUT_OF_RANGE,
        StatusCode.UNIMPLEMENTED,
        StatusCode.UNAUTHENTICATED,
    }
)
# With `_METADATA`, etcd returns this error before it processes the request.
_NO_LEADER: Final = "etcdserver: no leader"


class Refused(Unavailable):
    """etcd rejected the request and changed nothing; a retry would be rejected as well."""


class RequestTooLarge(Refused):
    """A request exceeds the size that this etcd accepts."""


class TransactionTooLarge(Refused):
    """A transaction has more operations than this etcd accepts."""


class LeaseNotFound(Refused):
    """A change refers to a lease that has expired."""


class AnswerLost(Exception):
    """A change was sent and its outcome is unknown: it may still be committed later."""


class _Message(Protocol):
    """A protobuf message."""

    def SerializeToString(self) -> bytes: ...

    @classmethod
    def FromString(cls, data: bytes) -> Self: ...


M = TypeVar("M", bound=_Message)


class _Method(Generic[M]):
    """A method of etcd's API, and the type of its response."""

    def __init__(self, name: str, response: type[M]) -> None:
        self.name = name
        self.decode = response.FromString


_RANGE: Final = _Method("KV/Range", rpc.RangeResponse)
_TXN: Final = _Method("KV/Txn", rpc.TxnResponse)
_COMPACT: Final = _Method("KV/Compact", rpc.CompactionResponse)
_GRANT: Final = _Method("Lease/LeaseGrant", rpc.LeaseGrantResponse)
_STATUS: Final = _Method("Maintenance/Status", rpc.StatusResponse)
_WATCH: Final = "Watch/Watch"


class WatchStream:
    """An open watch stream to a member that runs etcd ``version``."""

    def __init__(self, stream: GRPCStream, version: str) -> None:
        self._stream = stream
        self.version = version

    def write(self, request: rpc.WatchRequest) -> None:
        """Send a request. Raises Unavailable if the stream is broken."""
        try:
            self._stream.write(request.SerializeToString())
        except CallError as error:
            raise refusal(error) from error

    async def read(self) -> rpc.WatchResponse:
        """Return the next response. Raises Unavailable if the stream is broken."""
        try:
            return rpc.WatchResponse.FromString(await self._stream.read())
        except CallError as error:
            raise refusal(error) from error


class Connection:
    """The members of a cluster. Requests go to one member for as long as it responds."""

    def __init__(self, endpoints: Sequence[str], files: TLSFiles) -> None:
        if not endpoints:
            raise ValueError("etcd needs at least one endpoint")
        self._endpoints = endpoints
        self._members = [GRPCChannel(endpoint, files, _METADATA) for endpoint in endpoints]
        self._current = self._members[0]
        self._timeout = ANSWER_TIMEOUT if len(endpoints) == 1 else ANSWER_TIMEOUT_OF_SEVERAL
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    async def range(self, request: rpc.RangeRequest) -> rpc.RangeResponse:
        """Read keys."""
        return await self._repeat(_RANGE, request, request.revision)

    async def compact(self, request: rpc.CompactionRequest) -> rpc.CompactionResponse:
        """Compact the history. Raises Compacted if it has already been compacted."""
        return await self._repeat(_COMPACT, request, request.revision)

    async def grant(self, request: rpc.LeaseGrantRequest) -> rpc.LeaseGrantResponse:
        """Create a lease. A lost response leaves an unused lease behind, which expires."""
        return await self._repeat(_GRANT, request, 0)

    async def change(self, request: rpc.TxnRequest) -> rpc.TxnResponse:
        """Send a transaction once. Raises AnswerLost if its outcome is unknown."""
        failure: CallError | None = None
        for _ in self._members:
            member = await self._ready()
            try:
                return await self._called(member, _TXN, request)
            except CallError as error:
                if error.code in _REFUSED_CODES:
                    raise refusal(error) from error
                self._avoid(member)
                if _NO_LEADER not in error.details:
                    raise AnswerLost(str(error)) from error
                failure = error
        assert failure is not None
        raise refusal(failure) from failure

    @asynccontextmanager
    async def watch(self) -> AsyncGenerator[WatchStream, None]:
        """Keep a watch stream open. Raises Unavailable if no member accepts one."""
        member = await self._ready()
        try:
            status = await self._called(member, _STATUS, rpc.StatusRequest())
            stream = member.stream(_WATCH)
        except CallError as error:
            self._avoid(member)
            raise refusal(error) from error
        try:
            yield WatchStream(stream, status.version)
        except Unavailable:
            self._avoid(member)
            raise
        finally:
            stream.cancel()

    async def close(self) -> None:
        """Close every channel."""
        self._closed = True
        for member in self._members:
            await member.close()

    async def _repeat(self, method: _Method[M], request: _Message, revision: int) -> M:
        deadline, pause, attempts = time.monotonic() + CONNECT_WAIT, 0.0, 0
        while True:
            member = await self._ready()
            try:
                return await self._called(member, method, request)
            except CallError as error:
                if error.code in _REFUSED_CODES:
                    raise refusal(error, revision) from error
                self._avoid(member)
                attempts += 1
                if attempts >= len(self._members) and time.monotonic() > deadline:
                    raise refusal(error, revision) from error
            await asyncio.sleep(pause)
            pause = min(2 * pause + 0.005, 0.1)

    async def _called(self, member: GRPCChannel, method: _Method[M], request: _Message) -> M:
        response = await member.call(method.name, request.SerializeToString(), self._timeout)
        return method.decode(response)

    async def _ready(self) -> GRPCChannel:
        if self._current.ready:
            return self._current
        if self._closed:
            raise Unavailable("the store is closed")
        deadline = time.monotonic() + CONNECT_WAIT
        pause = 0.001
        while time.monotonic() < deadline:
            start = self._members.index(self._current)
            for member in self._members[start:] + self._members[:start]:
                if member.ready:
                    self._current = member
                    return member
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.05)
        raise Unavailable(f"no connection to etcd at {', '.join(self._endpoints)}")

    def _avoid(self, member: GRPCChannel) -> None:
        if member is self._current:
            following = self._members.index(member) + 1
            self._current = self._members[following % len(self._members)]


def refusal(error: CallError, revision: int = 0) -> StorageError:
    """Translate the error of a failed call about ``revision`` into a `StorageError`."""
    details = error.details
    if "required revision has been compacted" in details:
        return Compacted(revision, 0)
    if "required revision is a future revision" in details:
        return FutureRevision(revision, 0)
    if "request is too large" in details or "larger than max" in details:
        return RequestTooLarge(details)
    if "too many operations in txn" in details:
        return TransactionTooLarge(details)
    if "requested lease not found" in details:
        return LeaseNotFound(details)
    if "database space exceeded" in details:
        return OutOfSpace(details)
    kind = Refused if error.code in _REFUSED_CODES else Unavailable
    return kind(f"etcd: {error}")
