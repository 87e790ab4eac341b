"""The channel between the parent of several workers and one of them.

A message is one byte. The parent sends a connection, with its file descriptor, or asks whether the
worker still receives; the worker says whether it accepts connections. The parent keeps the worker's
end open, too: a connection that the worker has not received when it hangs, stops or dies is taken
back from there, so none is lost or served twice. How many connections a worker has received and
closed it counts in memory that the parent sees, which costs neither of them a system call.
"""

from __future__ import annotations

import mmap
import socket
from collections.abc import Iterator
from typing import Final

#: To the worker.
CONNECTION: Final = b"c"
QUESTION: Final = b"?"
#: To the parent.
ACCEPTS: Final = b"+"
REFUSES: Final = b"-"

#: Indexes of the counters: messages that the worker has received, those that are dealt with, and
#: whether all workers must stop, which the parent sets.
RECEIVED: Final = 0
CLOSED: Final = 1
STOPPING: Final = 2

# Not every system can do this with one call; the workers run no other programs.
_CLOSE_ON_EXEC: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


def receive(end: socket.socket) -> tuple[bytes, int | None]:
    """Return a message and its file descriptor; ``b""`` if the other end is closed.

    Raises BlockingIOError if there is none. CONNECTION without a descriptor is a connection for
    which this process had no descriptor left; it is closed.
    """
    message, files, _, _ = socket.recv_fds(end, 1, 1, _CLOSE_ON_EXEC)
    return message, files[0] if files else None


class WorkerChannel:
    """The channel to one worker, as its parent has it."""

    def __init__(self) -> None:
        self.parent_end, self.worker_end = socket.socketpair()
        self.parent_end.settimeout(0)
        self.worker_end.settimeout(0)
        self.counts = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")
        self._sent = 0

    @property
    def received(self) -> int:
        """How many messages the worker has received."""
        return self.counts[RECEIVED]

    @property
    def waiting(self) -> int:
        """How many messages the worker has not received yet."""
        return self._sent - self.counts[RECEIVED]

    @property
    def open_connections(self) -> int:
        """How many connections the worker has, with those that it has not received yet."""
        return self._sent - self.counts[CLOSED]

    def hand_over(self, connection: socket.socket) -> None:
        """Send a connection. Raises OSError if the system has no room for it."""
        socket.send_fds(self.parent_end, [CONNECTION], [connection.fileno()])
        self._sent += 1

    def ask(self) -> None:
        """Make the worker say that it accepts connections, as soon as it can. Raises OSError."""
        self.parent_end.send(QUESTION)
        self._sent += 1

    def take_back(self) -> Iterator[socket.socket]:
        """Yield the connections that the worker has not received."""
        while True:
            try:
                message, file = receive(self.worker_end)
            except BlockingIOError:
                return
            if not message:
                return
            self._sent -= 1
            if file is not None:
                yield socket.socket(fileno=file)

    def close(self) -> None:
        """Close both ends in this process."""
        self.parent_end.close()
        self.worker_end.close()
