"""Several processes that serve on one port, and their supervisor.

Workers are new processes, not forks: a fork would share threads and open files with its parent. The
kernel distributes connections among them (SO_REUSEPORT). The supervisor holds the port, replaces
workers that die, and forwards SIGHUP and the stop signal. If it dies, the workers read end-of-file
on standard input and stop.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from apiserver.server.config import Config
from apiserver.server.listening import bind_socket

#: A worker that has not stopped after so many seconds is killed.
STOP_SECONDS: Final = 4.8
# A worker that fails within so many seconds could not start, and would fail again.
_START_SECONDS: Final = 10.0
_PAUSE: Final = 1.0

log = logging.getLogger(__name__)


def supervise(config: Config, arguments: Sequence[str]) -> int:
    """Run the workers until SIGTERM or SIGINT; return the exit code."""
    try:
        listener = bind_socket(config)
    except OSError as error:
        sys.stderr.write(f"apiserver: {error.filename}: {error.strerror}\n")
        return 1
    with listener:
        command = [
            *(sys.executable, "-m", "apiserver", *arguments),
            *("--workers=1", "--worker", f"--secure-port={listener.getsockname()[1]}"),
        ]
        return asyncio.run(Supervisor(command, config.workers).run())


class Supervisor:
    """Keeps ``count`` processes of one command running."""

    def __init__(self, command: Sequence[str], count: int) -> None:
        self._command = command
        self._count = count
        self._stop = asyncio.Event()
        self._code = 0
        self._running: set[Process] = set()

    async def run(self) -> int:
        """Run until stopped, or until a worker cannot start; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        async with asyncio.TaskGroup() as workers:
            for index in range(self._count):
                workers.create_task(self._run_worker(index), name=f"worker-{index}")
        return self._code

    async def _run_worker(self, index: int) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        replaced = False
        while not self._stop.is_set():
            started = loop.time()
            process = await self._start(index)
            self._running.add(process)
            await self._wait(process)
            self._running.discard(process)
            if self._stop.is_set():
                return
            code = process.returncode
            if not replaced and code and code > 0 and loop.time() - began < _START_SECONDS:
                self._code = code
                self._stop.set()
                return
            log.warning("worker %d (pid %d) exited with code %s; restarting", index,
                        process.pid, code)  # fmt: skip
            replaced = True
            if loop.time() - started < _PAUSE:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), _PAUSE)

    def _reload(self) -> None:
        for process in self._running:
            if process.returncode is None:
                process.send_signal(signal.SIGHUP)

    async def _start(self, index: int) -> Process:
        # All workers print the same address; only the first one's output is kept.
        stdout = None if index == 0 else DEVNULL
        return await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=stdout)

    async def _wait(self, process: Process) -> None:
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if ended.done():
            return
        process.terminate()
        try:
            await asyncio.wait_for(ended, STOP_SECONDS)
        except TimeoutError:
            log.warning("worker (pid %d) did not stop in time; killing it", process.pid)
            process.kill()
            await process.wait()
