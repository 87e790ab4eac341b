"""Servers on stores that last, and kubectl."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.server_process import ServerProcess, running_server

STORES: Final = ("sqlite", "etcd")
PATIENCE: Final = 60.0


class Kubectl:
    """Real kubectl, as the administrator of one server."""

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
        }
        self.binary = find_kubectl()

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must succeed; return what it writes."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(
            [self.binary, *arguments],
            input=stdin,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def follow(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that goes on."""
        return subprocess.Popen(
            [self.binary, *arguments], env=self._environment, stdout=subprocess.PIPE, text=True
        )


def find_kubectl() -> str:
    """Return the kubectl that came with the tests, else the one on the path."""
    installed = Path(sys.executable).with_name("kubectl")
    found = str(installed) if installed.is_file() else shutil.which("kubectl")
    if not found:
        pytest.skip("no kubectl")
    return found


@pytest.fixture(params=STORES)
def store_flags(request: pytest.FixtureRequest) -> list[str]:
    """The flags for a new store of each kind in turn."""
    if request.param == "sqlite":
        return []
    endpoint = request.getfixturevalue("etcd_url")
    return [f"--etcd-servers={endpoint}", f"--etcd-prefix=/{uuid.uuid4()}"]


@pytest.fixture
def server(store_flags: list[str], tmp_path: Path) -> Iterator[ServerProcess]:
    """A running server on a new store; what it logs at the end must be no traceback."""
    with running_server(tmp_path / "server", *store_flags) as started:
        yield started
        assert "Traceback" not in started.log, started.log


@pytest.fixture
def kubectl(server: ServerProcess, tmp_path: Path) -> Kubectl:
    """Real kubectl on that server."""
    return Kubectl(server.kubeconfig, tmp_path)
