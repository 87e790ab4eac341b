"""Starts servers for tests: in a process of their own, or in a thread of this one."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import apiserver
from apiserver.testing.launched import Launched, StartFailed

_STOP_SECONDS: Final = 3.0
_MODULE: Final = "apiserver.testing.child"
_LOG_LINES: Final = 40


def new_settings(flags: Sequence[str], seed: int | None) -> dict[str, Any]:
    """Return the settings of a new server: its own directory, and a token to control it with."""
    return {
        "directory": tempfile.mkdtemp(prefix="apiserver-"),
        "token": secrets.token_hex(16),
        "flags": list(flags),
        "seed": seed,
    }


class ServerProcess:
    """A server in a process of its own. It ends with this process, whatever ends this one."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._directory = Path(settings["directory"])
        self._log = self._directory / "log"
        with self._log.open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter
                [sys.executable, "-P", "-c", program(_MODULE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        # Not as an argument: other users of the machine see those, and there is a token among them.
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(settings).encode() + b"\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End the process and remove its directory."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def wait(self, timeout: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        output, line = self._process.stdout.fileno(), b""
        deadline = time.monotonic() + timeout
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            readable, _, _ = select.select([output], [], [], max(left, 0))
            data = os.read(output, 65536) if readable else b""
            if not data:
                why = "ended" if readable else f"did not start in {timeout:g} seconds"
                raise StartFailed(f"the server {why}:\n{tail(self._log)}")
            line += data
        ready: dict[str, Any] = json.loads(line)
        return ready


def tail(log: Path, lines: int = _LOG_LINES) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def launch(flags: Sequence[str], seed: int | None, *, in_process: bool = False) -> Launched:
    """Start a server. Raises StartFailed."""
    settings = new_settings(flags, seed)
    if not in_process:
        return ServerProcess(settings)
    # This imports a whole server, which only in-process debugging needs.
    from apiserver.testing.server_thread import ServerThread

    return ServerThread(settings)


def program(module: str) -> str:
    """Return a program that calls a module's ``main``; it imports the same package as this one."""
    root = str(Path(apiserver.__file__).parents[1])
    begin = f"import sys; sys.path.insert(0, {root!r})\n"
    installed = root in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    return f"{'' if installed else begin}from {module} import main\nraise SystemExit(main())"
