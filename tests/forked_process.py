"""The command ``apiserver`` in a fork of a process that has imported it.

Nine tenths of the CPU time of a start are imports. The process that is forked runs nothing: it has
no thread and no event loop, as the one that forks the workers of a server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Final

_FORKING: Final = get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.imported_server"])


class ForkedProcess:
    """A process that runs the command; to those who have started it, what `subprocess.Popen` is."""

    def __init__(self, arguments: Sequence[str], stdout: Path, stderr: Path) -> None:
        given = (list(arguments), dict(os.environ), str(stdout), str(stderr))
        # Nothing waits for a daemon when the tests end.
        self._process = _FORKING.Process(target=_run, args=given, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("apiserver", timeout or 0)
        return code


def _run(arguments: list[str], environment: dict[str, str], stdout: str, stderr: str) -> None:
    with open(stdout, "ab") as output, open(stderr, "ab") as errors:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(errors.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["apiserver", *arguments]
    sys.exit(import_module("apiserver.__main__").main())
