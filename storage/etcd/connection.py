"""Connection: requests to a cluster of etcd members, and the errors they raise.

There are three sorts of request, which differ in how a lost response is handled:

- *repeatable* requests (reads, compaction, lease grants) are retried on the next member;
- *changes* are sent once, over a connection known to be up, and raise `AnswerLost` if their outcome
  is unknown. The store then determines the outcome from the keys of the transaction;
- *streams* end, and their reader resumes them.

Only this module uses gRPC.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped, unused-ignore]
import grpc.aio  # type: ignore[import-untyped, unused-ignore]

from storage.errors import Compacted, FutureRevision, OutOfSpace, StorageError, Unavailable
from storage.etcd import rpc

R = TypeVar("R")

CONNECT_PATIENCE: Final = 3.0
#: Seconds to wait for a response: from the only member, and from one of several.
ANSWER_TIMEOUT: Final = 15.0
ANSWER_TIMEOUT_OF_SEVERAL: Final = 5.0

# A member without a leader then fails the request at once instead of blocking it.
_METADATA: Final = (("hasleader", "true"),)
_OPTIONS: Final = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_metadata_size", 1 << 20),
    # Detects a frozen member. etcd closes connections that ping more often than every 5 s.
    ("grpc.keepalive_time_ms", 6_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # gRPC must never retry a change itself.
    ("grpc.enable_retries", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)
_REFUSED_CODES: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
# With `_METADATA`, etcd returns this error before it processes the request.
_NO_LEADER: Final = "etcdserver: no leader"
_READY: Final = grpc.ChannelConnectivity.READY


class Refused(Unavailable):
    """etcd rejected the request and changed nothing; a retry would be rejected as well."""


class RequestTooLarge(Refused):
    """A request exceeds the size that this etcd accepts."""


class TooManyOperations(Refused):
    """A transaction has more operations than this etcd accepts."""


class LeaseNotFound(Refused):
    """A change refers to a lease that has expired."""


class AnswerLost(Exception):
    """A change was sent and its outcome is unknown: it may still be committed later."""


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """Paths of the certificate files for https endpoints; an empty path means none."""

    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""


class Member:
    """One endpoint: its channel and the gRPC methods used on it."""

    def __init__(self, endpoint: str, files: TLSFiles) -> None:
        self.endpoint = endpoint
        self._channel = open_channel(endpoint, files)
        self.range = self._unary("KV/Range", rpc.RangeResponse.FromString)
        self.txn = self._unary("KV/Txn", rpc.TxnResponse.FromString)
        self.compact = self._unary("KV/Compact", rpc.CompactionResponse.FromString)
        self.grant = self._unary("Lease/LeaseGrant", rpc.LeaseGrantResponse.FromString)
        self.status = self._unary("Maintenance/Status", rpc.StatusResponse.FromString)
        self.watch = self._channel.stream_stream(
            "/etcdserverpb.Watch/Watch",
            request_serializer=rpc.WatchRequest.SerializeToString,
            response_deserializer=rpc.WatchResponse.FromString,
        )

    @property
    def ready(self) -> bool:
        """Whether the connection is up. If it is not, a connection attempt is in progress."""
        return self._channel.get_state(try_to_connect=True) is _READY

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    def _unary(self, method: str, decode: Callable[[bytes], Any]) -> Any:
        return self._channel.unary_unary(
            f"/etcdserverpb.{method}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=decode,
        )


class WatchStream:
    """An open watch stream to a member that runs etcd ``version``."""

    def __init__(self, call: Any, version: str) -> None:
        self._call = call
        self.version = version

    async def write(self, request: rpc.WatchRequest) -> None:
        """Send a request. Raises Unavailable if the stream is broken."""
        try:
            await self._call.write(request)
        except grpc.aio.AioRpcError as error:
            raise refusal(error) from error
        except asyncio.InvalidStateError as error:
            raise Unavailable("the watch stream has ended") from error

    async def read(self) -> rpc.WatchResponse:
        """Return the next response. Raises Unavailable if the stream is broken."""
        try:
            response = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise refusal(error) from error
        if response is grpc.aio.EOF:
            raise Unavailable("etcd ended the watch stream")
        return response  # type: ignore[no-any-return]


class Connection:
    """The members of a cluster. Requests go to one member for as long as it responds."""

    def __init__(self, endpoints: Sequence[str], files: TLSFiles) -> None:
        if not endpoints:
            raise ValueError("etcd needs at least one endpoint")
        self._members = [Member(endpoint, files) for endpoint in endpoints]
        self._current = self._members[0]
        self._timeout = ANSWER_TIMEOUT if len(endpoints) == 1 else ANSWER_TIMEOUT_OF_SEVERAL
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    async def range(self, request: rpc.RangeRequest) -> rpc.RangeResponse:
        """Read keys."""
        answer: rpc.RangeResponse = await self._repeat(
            lambda member: member.range, request, request.revision
        )
        return answer

    async def compact(self, request: rpc.CompactionRequest) -> rpc.CompactionResponse:
        """Compact the history. Raises Compacted if it has already been compacted."""
        answer: rpc.CompactionResponse = await self._repeat(
            lambda member: member.compact, request, request.revision
        )
        return answer

    async def grant(self, request: rpc.LeaseGrantRequest) -> rpc.LeaseGrantResponse:
        """Create a lease. A lost response leaves an unused lease behind, which expires."""
        answer: rpc.LeaseGrantResponse = await self._repeat(lambda member: member.grant, request, 0)
        return answer

    async def change(self, request: rpc.TxnRequest) -> rpc.TxnResponse:
        """Send a transaction once. Raises AnswerLost if its outcome is unknown."""
        failure: grpc.aio.AioRpcError | None = None
        for _ in self._members:
            member = await self._ready()
            try:
                answer: rpc.TxnResponse = await self._called(member.txn, request)
            except grpc.aio.AioRpcError as error:
                if error.code() in _REFUSED_CODES:
                    raise refusal(error) from error
                self._avoid(member)
                if _NO_LEADER not in str(error.details()):
                    raise AnswerLost(f"{error.code().name}: {error.details()}") from error
                failure = error
            else:
                return answer
        raise refusal(failure) from failure

    @asynccontextmanager
    async def watch(self) -> AsyncGenerator[WatchStream, None]:
        """Keep a watch stream open. Raises Unavailable if no member accepts one."""
        member = await self._ready()
        try:
            status = await self._called(member.status, rpc.StatusRequest())
        except grpc.aio.AioRpcError as error:
            self._avoid(member)
            raise refusal(error) from error
        call = member.watch(metadata=_METADATA)
        try:
            yield WatchStream(call, status.version)
        except Unavailable:
            self._avoid(member)
            raise
        except asyncio.CancelledError:
            self._explain_cancellation()
            raise
        finally:
            call.cancel()

    async def close(self) -> None:
        """Close every channel."""
        self._closed = True
        await asyncio.gather(*(member.close() for member in self._members))

    async def _repeat(self, method: Callable[[Member], Any], request: Any, revision: int) -> Any:
        deadline, pause, attempts = time.monotonic() + CONNECT_PATIENCE, 0.0, 0
        while True:
            member = await self._ready()
            try:
                return await self._called(method(member), request)
            except grpc.aio.AioRpcError as error:
                if error.code() in _REFUSED_CODES:
                    raise refusal(error, revision) from error
                self._avoid(member)
                attempts += 1
                if attempts >= len(self._members) and time.monotonic() > deadline:
                    raise refusal(error, revision) from error
            # A connection that has just broken may still be reported as ready for a short time.
            await asyncio.sleep(pause)
            pause = min(2 * pause + 0.005, 0.1)

    async def _called(self, method: Any, request: Any) -> Any:
        return await method(request, timeout=self._timeout, metadata=_METADATA)

    async def _ready(self) -> Member:
        if self._current.ready:
            return self._current
        deadline = time.monotonic() + CONNECT_PATIENCE
        pause = 0.001
        while time.monotonic() < deadline:
            start = self._members.index(self._current)
            for member in self._members[start:] + self._members[:start]:
                if member.ready:
                    self._current = member
                    return member
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.05)
        names = ", ".join(member.endpoint for member in self._members)
        raise Unavailable(f"no connection to etcd at {names}")

    def _avoid(self, member: Member) -> None:
        if member is self._current:
            following = self._members.index(member) + 1
            self._current = self._members[following % len(self._members)]

    def _explain_cancellation(self) -> None:
        # Closing a channel cancels its calls; this must not look like a cancelled task.
        task = asyncio.current_task()
        if self._closed and (task is None or not task.cancelling()):
            raise Unavailable("the store is closed")


def open_channel(endpoint: str, files: TLSFiles) -> Any:
    """Return a channel to ``http://host:port`` or ``https://host:port``."""
    parts = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"not an etcd endpoint: {endpoint}")
    target = parts.netloc if parts.port else f"{parts.netloc}:2379"
    if parts.scheme == "http":
        return grpc.aio.insecure_channel(target, options=_OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_content(files.cafile),
        private_key=_content(files.keyfile),
        certificate_chain=_content(files.certfile),
    )
    return grpc.aio.secure_channel(target, credentials, options=_OPTIONS)


def refusal(error: Any, revision: int = 0) -> StorageError:
    """Translate the error of a failed call about ``revision`` into a `StorageError`."""
    details = str(error.details())
    if "required revision has been compacted" in details:
        return Compacted(revision, 0)
    if "required revision is a future revision" in details:
        return FutureRevision(revision, 0)
    if "request is too large" in details or "larger than max" in details:
        return RequestTooLarge(details)
    if "too many operations in txn" in details:
        return TooManyOperations(details)
    if "requested lease not found" in details:
        return LeaseNotFound(details)
    if "database space exceeded" in details:
        return OutOfSpace(details)
    kind = Refused if error.code() in _REFUSED_CODES else Unavailable
    return kind(f"etcd: {error.code().name}: {details}")


def _content(name: str) -> bytes | None:
    return Path(name).read_bytes() if name else None
