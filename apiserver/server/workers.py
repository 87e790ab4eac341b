"""Several processes that serve on one port, and their supervisor.

The supervisor imports the server once and forks the workers, so they share the memory of that, and
one that is replaced starts at once. It has no thread and no event loop that a fork would copy. It
accepts the connections and shares them between the workers, replaces workers that die, and forwards
SIGHUP and the stop signal. If it dies, the workers notice that their channel has ended, and stop.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Final, NoReturn

from apiserver.machinery.valueclasses import valueclass
from apiserver.server.assembly import Server
from apiserver.server.config import Config
from apiserver.server.connection_sharing import ConnectionSharing
from apiserver.server.files import make_directory
from apiserver.server.handed_connections import HandedConnections
from apiserver.server.listening import BACKLOG, bind_socket, server_url
from apiserver.server.serving import (
    Embedding,
    StartError,
    announce,
    as_start_error,
    freeze_memory,
    run,
    server_identity,
)
from apiserver.server.worker_channel import STOPPING, WorkerChannel

#: A worker that has not stopped after so many seconds, beside the delay of shutdown, is killed.
STOP_SECONDS: Final = 4.8
# A worker that ends within so many seconds of its start is replaced after as many.
_PAUSE: Final = 1.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

log = logging.getLogger(__name__)


def supervise(config: Config) -> int:
    """Run the workers until SIGTERM or SIGINT; return the exit code."""
    try:
        with as_start_error():
            listener = bind_socket(config)
            _prepare(config)
    except StartError as error:
        sys.stderr.write(f"apiserver: {error}\n")
        return 1
    port = listener.getsockname()[1]
    return Supervisor(replace(config, secure_port=port), listener).run()


def _prepare(config: Config) -> None:
    """Do the common work of all workers before the fork, so that they share its memory."""
    # A server imports its store when it opens it.
    import_module("storage.etcd.store")
    make_directory(config.data_dir)
    server_identity(config)
    # What exists now is never garbage; a collection would write to the memory that is shared.
    gc.freeze()


class WorkerEmbedding(Embedding):
    """A process that gets its connections from its parent, which announces the server."""

    first_request_seconds = 0.25

    def __init__(self, channel: WorkerChannel, stop: asyncio.Event) -> None:
        self._channel = channel
        self._stop = stop
        self._orphaned = asyncio.Event()

    def connections(self, config: Config) -> HandedConnections:
        channel = self._channel
        return HandedConnections(
            channel.worker_end, channel.counts, config.secure_port, self._end_with_parent
        )

    async def delay_shutdown(self, seconds: float) -> None:
        # Without the parent no client can connect.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._orphaned.wait(), seconds)

    def leaves_address(self) -> bool:
        return self._channel.counts[STOPPING] != 0

    @asynccontextmanager
    async def serving(self, server: Server, url: str, kubeconfig: Path) -> AsyncIterator[None]:
        freeze_memory()
        yield

    def _end_with_parent(self) -> None:
        self._orphaned.set()
        self._stop.set()


@valueclass
class _Worker:
    """A running worker; ``started`` is in seconds of the monotonic clock."""

    index: int
    channel: WorkerChannel
    started: float


class Supervisor:
    """Keeps the workers of ``config`` running, and shares the connections of ``listener``."""

    def __init__(self, config: Config, listener: socket.socket) -> None:
        self._config = config
        self._selector = DefaultSelector()
        self._sharing = ConnectionSharing(listener, self._selector)
        self._signals, self._signalled = socket.socketpair()
        self._running: dict[int, _Worker] = {}
        # When workers are to be started, by their index.
        self._due = dict.fromkeys(range(config.workers), 0.0)
        self._code = 0
        self._announced = False
        self._kill_at: float | None = None

    def run(self) -> int:
        """Run until stopped, or until a worker cannot start; return the exit code."""
        self._signals.settimeout(0)
        self._signalled.settimeout(0)
        signal.set_wakeup_fd(self._signalled.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, _wake)
        self._selector.register(self._signals, EVENT_READ, self._handle_signals)
        while self._running or self._kill_at is None:
            self._start_due()
            for key, _ in self._selector.select(self._timeout()):
                key.data()
            self._sharing.check()
            self._announce_once()
            self._kill_late()
        self._close()
        return self._code

    def _timeout(self) -> float | None:
        due = [*self._due.values()] if self._kill_at is None else [self._kill_at]
        seconds = [max(0.0, each - time.monotonic()) for each in due]
        sharing = self._sharing.timeout()
        if sharing is not None:
            seconds.append(sharing)
        return min(seconds, default=None)

    def _handle_signals(self) -> None:
        numbers = set(self._signals.recv(4096))
        if numbers & {signal.SIGTERM, signal.SIGINT}:
            self._stop()
        elif signal.SIGHUP in numbers:
            for pid in self._running:
                os.kill(pid, signal.SIGHUP)
        self._reap()

    def _stop(self, code: int = 0) -> None:
        if self._kill_at is not None:
            return
        self._code = code
        self._kill_at = time.monotonic() + self._config.shutdown_delay_duration + STOP_SECONDS
        self._sharing.stop_with_workers()
        for pid, worker in self._running.items():
            worker.channel.counts[STOPPING] = 1
            os.kill(pid, signal.SIGTERM)

    def _kill_late(self) -> None:
        if self._kill_at is None or time.monotonic() < self._kill_at:
            return
        for pid in self._running:
            log.warning("worker (pid %d) did not stop in time; killing it", pid)
            os.kill(pid, signal.SIGKILL)
        self._reap(wait=True)

    def _announce_once(self) -> None:
        """Accept connections when all workers do, so that the first ones are shared, too."""
        if self._announced or self._sharing.accepting < self._config.workers:
            return
        try:
            self._sharing.listen(BACKLOG)
        except OSError as error:
            sys.stderr.write(f"apiserver: port {self._config.secure_port}: {error.strerror}\n")
            self._stop(1)
            return
        self._announced = True
        announce(server_url(self._config, self._config.secure_port), self._config.kubeconfig)

    def _reap(self, *, wait: bool = False) -> None:
        for pid, worker in list(self._running.items()):
            ended, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
            if ended:
                del self._running[pid]
                self._sharing.remove(worker.channel)
                self._replace(pid, worker, os.waitstatus_to_exitcode(status))

    def _replace(self, pid: int, worker: _Worker, code: int) -> None:
        if self._kill_at is not None:
            return
        if code > 0 and not self._announced:
            # It cannot start, and would fail again.
            self._stop(code)
            return
        log.warning("worker %d (pid %d) exited with code %s; restarting", worker.index, pid, code)
        now = time.monotonic()
        self._due[worker.index] = now if now - worker.started >= _PAUSE else now + _PAUSE

    def _start_due(self) -> None:
        now = time.monotonic()
        for index, due in list(self._due.items()):
            if due <= now and self._kill_at is None:
                del self._due[index]
                self._start(index)

    def _start(self, index: int) -> None:
        channel = WorkerChannel()
        with _blocked_signals():
            pid = os.fork()
            if pid == 0:
                self._become_worker(channel)
            self._running[pid] = _Worker(index, channel, time.monotonic())
        self._sharing.add(channel)

    def _become_worker(self, channel: WorkerChannel) -> NoReturn:
        """Serve in this process, which is a copy of the parent, and end it."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            # SIGHUP and SIGINT are for servers that have started: the parent handles them, too.
            for number in (signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            for number in (signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            self._close()
            channel.parent_end.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            code = run(self._config, lambda stop: WorkerEmbedding(channel, stop))
        except Exception:
            log.exception("the worker has failed")
        finally:
            logging.shutdown()
            sys.stdout.flush()
            os._exit(code)

    def _close(self) -> None:
        """Close the files that only the parent uses."""
        self._sharing.close()
        self._selector.close()
        self._signals.close()
        self._signalled.close()


def _wake(*_: object) -> None:
    """Do nothing: the number of the signal is read from the wake-up socket."""


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Let signals wait while the block runs: a child must not report them to its parent."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
