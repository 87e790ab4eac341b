"""A server in a process of its own, which tests may stop, kill and restart."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.forked_process import ForkedProcess
from tests.free_ports import free_port
from tests.waiting import PATIENCE

TOKENS: Final = """\
admin-token,admin,admin-uid,"system:masters"
viewer-token,viewer,viewer-uid,"viewers"
"""
#: The controller that puts a ConfigMap into every namespace.
ROOT_CA_PUBLISHER: Final = "root-ca-certificate-publisher-controller"
_ANNOUNCED: Final = re.compile(r"serving on (https://\S+)\nexport KUBECONFIG=(.+)\n")


class ServerStartFailed(RuntimeError):
    """A server ended, or said nothing, instead of serving."""


class ServerProcess:
    """One server and its directory; it keeps its port when it is started again.

    Unless ``flags`` say which controllers run, no ConfigMap is in a namespace but those that tests
    make.
    """

    def __init__(self, directory: Path, *flags: str, module: str = "") -> None:
        self.directory = directory
        self.flags = flags
        #: The program: one with a fault that a test has put in, or ``apiserver``, which is forked
        #: from a process that has imported it unless it is named.
        self.module = module
        self.url = ""
        self.kubeconfig = directory / "admin.kubeconfig"
        self.process: subprocess.Popen[bytes] | ForkedProcess | None = None
        directory.mkdir(parents=True, exist_ok=True)
        tokens = directory / "tokens.csv"
        tokens.write_text(TOKENS)
        self._tokens = f"--token-auth-file={tokens}"
        self._port = free_port()
        if not any(flag.startswith("--controllers=") for flag in flags):
            self.flags = (*flags, f"--controllers=*,-{ROOT_CA_PUBLISHER}")

    @property
    def log(self) -> str:
        """What the server wrote on stderr."""
        return (self.directory / "stderr").read_text(errors="replace")

    @property
    def ca(self) -> Path:
        """The CA that the server's certificate is signed by."""
        return self.directory / "certificates" / "ca.crt"

    def start(self) -> None:
        """Start the process and wait until it says that it serves."""
        output, errors = self.directory / "stdout", self.directory / "stderr"
        arguments = [
            *(f"--data-dir={self.directory}", f"--secure-port={self._port}"),
            *(self._tokens, *self.flags),
        ]
        output.write_bytes(b"")
        if self.module:
            command = [sys.executable, "-m", self.module, *arguments]
            with output.open("ab") as stdout, errors.open("ab") as stderr:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
                )
        else:
            self.process = ForkedProcess(arguments, output, errors)
        deadline = time.monotonic() + PATIENCE
        while (announced := _ANNOUNCED.match(output.read_text())) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ServerStartFailed(self.log)
            time.sleep(0.01)
        self.url = announced[1]

    def stop(self) -> int:
        """Ask the process to end, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def kill(self) -> None:
        """End the process as ``kill -9`` does, and wait for its end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def running_server(directory: Path, *flags: str, module: str = "") -> Iterator[ServerProcess]:
    """Yield a started server; it is killed at the end, if it still runs then."""
    server = ServerProcess(directory, *flags, module=module)
    server.start()
    try:
        yield server
    finally:
        server.kill()
