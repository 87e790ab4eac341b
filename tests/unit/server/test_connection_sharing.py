"""Connections between a parent and its workers, with both in one process."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from selectors import DefaultSelector
from typing import Any

import pytest

from apiserver.server import connection_sharing
from apiserver.server.connection_sharing import RETRY_SECONDS, ConnectionSharing
from apiserver.server.worker_channel import (
    ACCEPTS,
    CLOSED,
    QUESTION,
    RECEIVED,
    REFUSES,
    WorkerChannel,
    receive,
)


class Exhausted(socket.socket):
    """A listening socket of a process without a free file descriptor."""

    def accept(self) -> tuple[socket.socket, Any]:
        raise OSError(errno.EMFILE, "Too many open files")


class Parent:
    """A parent whose loop turns when a test says so, and its clients."""

    def __init__(self, stack: ExitStack, listener: socket.socket) -> None:
        self._stack = stack
        self._listener = listener
        self._listener.settimeout(0)
        self.selector = stack.enter_context(DefaultSelector())
        self.sharing = ConnectionSharing(listener, self.selector)
        stack.callback(self.sharing.close)
        self.sharing.listen(100)

    def worker(self, *, accepts: bool = True) -> WorkerChannel:
        channel = WorkerChannel()
        self.sharing.add(channel)
        if accepts:
            channel.worker_end.send(ACCEPTS)
            self.turn()
        return channel

    def connect(self, count: int = 1) -> None:
        """Let clients connect, one after the other."""
        for _ in range(count):
            client = socket.create_connection(self._listener.getsockname())
            self._stack.enter_context(closing(client))
            self.turn()

    def turn(self) -> None:
        for key, _ in self.selector.select(0):
            key.data()
        self.sharing.check()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def bound(kind: Callable[[], socket.socket] = socket.socket) -> socket.socket:
    listener = kind()
    listener.bind(("127.0.0.1", 0))
    return listener


@pytest.fixture
def parent(stack: ExitStack) -> Parent:
    return Parent(stack, bound())


def received(channel: WorkerChannel) -> list[bytes]:
    """Receive, as a worker, all that waits, and close the connections."""
    messages = []
    while channel.waiting:
        message, file = receive(channel.worker_end)
        messages.append(message)
        channel.counts[RECEIVED] += 1
        channel.counts[CLOSED] += 1
        if file is not None:
            socket.socket(fileno=file).close()
    return messages


def test_the_worker_with_the_fewest_connections_gets_the_next(parent: Parent) -> None:
    first, second, third = (parent.worker() for _ in range(3))
    parent.connect(10)
    assert [each.open_connections for each in (first, second, third)] == [4, 3, 3]
    received(second)
    parent.connect(2)
    assert [each.open_connections for each in (first, second, third)] == [4, 2, 3]


def test_nothing_is_accepted_while_no_worker_accepts(parent: Parent) -> None:
    worker = parent.worker(accepts=False)
    parent.connect(3)
    assert (worker.waiting, parent.selector.select(0), parent.sharing.timeout()) == (0, [], None)
    worker.worker_end.send(ACCEPTS)
    parent.turn()
    assert worker.waiting == 3


@pytest.mark.parametrize("ends", [True, False])
def test_what_a_worker_has_not_received_goes_to_the_others(parent: Parent, ends: bool) -> None:
    leaving, staying = parent.worker(), parent.worker()
    parent.connect(6)
    if ends:
        parent.sharing.remove(leaving)
    else:
        leaving.worker_end.send(REFUSES)
        parent.turn()
    assert staying.waiting == 6
    parent.connect()
    assert staying.waiting == 7


def test_what_nobody_has_received_waits_for_the_next_worker(parent: Parent) -> None:
    only = parent.worker()
    parent.connect(2)
    parent.sharing.remove(only)
    assert parent.worker().waiting == 2


def test_a_silent_worker_has_to_answer_before_it_gets_more(
    parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, other = parent.worker(), parent.worker()
    parent.connect(2)
    assert (silent.waiting, other.waiting) == (1, 1)
    received(other)
    assert 0 < (parent.sharing.timeout() or 0) <= connection_sharing.SILENT_SECONDS
    monkeypatch.setattr(connection_sharing, "SILENT_SECONDS", 0.0)
    parent.turn()
    monkeypatch.undo()
    assert other.open_connections == 1
    parent.connect(3)
    assert other.open_connections == 4
    assert received(silent) == [QUESTION]
    silent.worker_end.send(ACCEPTS)
    parent.turn()
    parent.connect()
    assert (silent.open_connections, other.open_connections) == (1, 4)


def test_a_worker_that_is_behind_gets_no_more_than_it_can_hold(parent: Parent) -> None:
    worker = parent.worker()
    parent.connect(70)
    assert worker.waiting == 64
    assert 0 < (parent.sharing.timeout() or 0) <= RETRY_SECONDS


def test_without_a_file_descriptor_accepting_is_tried_again_later(
    stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    parent = Parent(stack, bound(Exhausted))
    worker = parent.worker()
    parent.connect(3)
    assert (worker.waiting, parent.selector.select(0)) == (0, [])
    assert 0 < (parent.sharing.timeout() or 0) <= RETRY_SECONDS
    assert caplog.text.count("Too many open files") == 1


def test_after_a_stop_the_first_refusal_ends_listening(parent: Parent) -> None:
    first, second = parent.worker(), parent.worker()
    parent.sharing.stop_with_workers()
    parent.connect(2)
    assert (first.waiting, second.waiting) == (1, 1)
    first.worker_end.send(REFUSES)
    parent.turn()
    assert second.waiting == 2
    with pytest.raises(OSError, match="Bad file"):
        parent.connect()
