"""Connections that one process accepts and shares evenly between several workers.

Each is handed to the worker that has the fewest open ones. The kernel would choose by a hash of the
addresses (SO_REUSEPORT), or the worker that waited last (a shared socket), and neither is even.
TLS begins in the worker. A worker that does not receive what it is sent gets nothing more, and what
waits for it goes to another, until it answers. While no worker receives, connections wait in the
kernel.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from selectors import EVENT_READ, BaseSelector
from typing import Final

from apiserver.server.worker_channel import ACCEPTS, WorkerChannel

#: A worker that receives nothing for so many seconds has to answer before it is sent more.
SILENT_SECONDS: Final = 1.0
#: Accepting is tried again after so many seconds if it failed, or if all workers have enough.
RETRY_SECONDS: Final = 0.05
# No more messages than this wait for a worker. The rest may go to other workers.
_MAX_WAITING: Final = 64
# So many connections are accepted before signals are looked at.
_BATCH: Final = 64

log = logging.getLogger(__name__)


class _Member:
    """A worker: since when it has received nothing, and when it was last chosen."""

    __slots__ = ("accepts", "channel", "chosen", "received", "since")

    def __init__(self, channel: WorkerChannel) -> None:
        self.channel = channel
        self.accepts = False
        self.chosen = 0
        self.received = 0
        self.since = 0.0


class ConnectionSharing:
    """Hands the connections of ``listener`` over to workers.

    The owner of ``selector`` calls the data of each ready key, and `check` after `timeout` seconds.
    """

    def __init__(self, listener: socket.socket, selector: BaseSelector) -> None:
        self._listener = listener
        self._selector = selector
        self._listening = self._watched = self._failing = self._stopping = False
        self._members: dict[WorkerChannel, _Member] = {}
        # Those that were taken back, and no worker accepts them now.
        self._connections: deque[socket.socket] = deque()
        self._turn = 0
        self._retry_at: float | None = None

    @property
    def accepting(self) -> int:
        """How many workers accept connections."""
        return sum(member.accepts for member in self._members.values())

    def listen(self, backlog: int) -> None:
        """Begin to accept connections. Raises OSError."""
        self._listener.listen(backlog)
        self._listening = True
        self._watch()

    def stop_with_workers(self) -> None:
        """Accept no more connections as soon as a worker refuses them: the others will, too."""
        self._stopping = True

    def add(self, channel: WorkerChannel) -> None:
        """Share with a worker, as soon as it says that it accepts connections."""
        member = self._members[channel] = _Member(channel)
        self._selector.register(channel.parent_end, EVENT_READ, lambda: self._read(member))

    def remove(self, channel: WorkerChannel) -> None:
        """Close the channel of a worker that has ended, and share what it had not received."""
        member = self._members.pop(channel)
        self._selector.unregister(channel.parent_end)
        self._dismiss(member)
        channel.close()

    def close(self) -> None:
        """Close everything in this process."""
        self._listener.close()
        for channel in self._members:
            channel.close()
        self._drop()

    def timeout(self) -> float | None:
        """Return after how many seconds at most `check` is due."""
        now = time.monotonic()
        due = [
            member.since + SILENT_SECONDS
            for member in self._members.values()
            if member.accepts and member.channel.waiting
        ]
        if self._retry_at is not None:
            due.append(self._retry_at)
        return max(0.0, min(due) - now) if due else None

    def check(self) -> None:
        """Find workers that receive nothing; continue after a failure."""
        now = time.monotonic()
        for member in list(self._members.values()):
            channel = member.channel
            if not member.accepts or not channel.waiting or channel.received != member.received:
                member.since, member.received = now, channel.received
            elif now - member.since >= SILENT_SECONDS:
                log.warning("a worker does not receive its connections; other workers get them")
                self._dismiss(member)
                channel.ask()
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._share()

    def _read(self, member: _Member) -> None:
        try:
            said = member.channel.parent_end.recv(64)
        except BlockingIOError:
            return
        if said.endswith(ACCEPTS):
            member.accepts = True
            self._share()
        elif said:
            self._dismiss(member)
            if self._stopping:
                self._stop_listening()

    def _dismiss(self, member: _Member) -> None:
        """Stop using a worker, and hand its undelivered connections to others."""
        member.accepts = False
        self._connections.extend(member.channel.take_back())
        self._share()

    def _share(self) -> None:
        """Hand over waiting connections, as many as the workers accept now."""
        for _ in range(_BATCH):
            member = self._choose()
            if member is None and self.accepting:
                self._retry()
            if member is None or self._retry_at is not None:
                break
            connection = self._next()
            if connection is None:
                break
            self._hand_over(member, connection)
        if self._connections and self.accepting:
            self._retry()
        self._watch()

    def _choose(self) -> _Member | None:
        able = (
            member
            for member in self._members.values()
            if member.accepts and member.channel.waiting < _MAX_WAITING
        )
        return min(
            able, key=lambda member: (member.channel.open_connections, member.chosen), default=None
        )

    def _next(self) -> socket.socket | None:
        if self._connections:
            return self._connections.popleft()
        if not self._listening:
            return None
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None
        except OSError as error:
            self._fail(error)
            return None
        self._failing = False
        return connection

    def _hand_over(self, member: _Member, connection: socket.socket) -> None:
        if not member.channel.waiting:
            member.since, member.received = time.monotonic(), member.channel.received
        try:
            member.channel.hand_over(connection)
        except OSError as error:
            self._connections.appendleft(connection)
            self._fail(error)
            return
        connection.close()
        self._turn += 1
        member.chosen = self._turn

    def _fail(self, error: OSError) -> None:
        """Wait before the next try: a failure such as a limit of open files may last."""
        if not self._failing:
            log.error("cannot accept connections for the moment: %s", error.strerror)
        self._failing = True
        self._retry()

    def _stop_listening(self) -> None:
        self._listening = False
        self._watch()
        self._listener.close()
        if not self.accepting:
            self._drop()

    def _drop(self) -> None:
        while self._connections:
            self._connections.popleft().close()

    def _retry(self) -> None:
        self._retry_at = time.monotonic() + RETRY_SECONDS

    def _watch(self) -> None:
        """Look at the listening socket only while a connection could be handed over."""
        wanted = self._listening and self._retry_at is None and self.accepting > 0
        if wanted and not self._watched:
            self._selector.register(self._listener, EVENT_READ, self._share)
        elif self._watched and not wanted:
            self._selector.unregister(self._listener)
        self._watched = wanted
