"""Runs the README's examples about testing Go operators and servers."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from apiserver.testing import ApiServer

ROOT: Final = Path(__file__).parents[2]
SECTION: Final = re.search(
    r"^## Test an operator in Go\n(.*?)^## ",
    (ROOT / "README.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
assert SECTION is not None
EXAMPLES: Final = re.findall(r"^```sh\n(.*?)^```", SECTION[1], re.MULTILINE | re.DOTALL)
# This package without an installation, and a Go that says what it is given.
PROGRAMS: Final = {
    "apiserver": f"exec {shlex.quote(sys.executable)} -m apiserver",
    "pytest": f"exec {shlex.quote(sys.executable)} -m pytest -p apiserver.testing.plugin",
    "go": 'ls "$KUBEBUILDER_ASSETS"; exit; :',
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the programs are found."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, command in PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\n{command} "$@"\n')
        (programs / name).chmod(0o755)
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def output_of(example: str, directory: Path) -> str:
    command = ["sh", "-e", "-c", example]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_assets_are_where_envtest_looks_for_them(project: Path) -> None:
    (example,) = [each for each in EXAMPLES if "go test" in each]
    export = f"export KUBEBUILDER_ASSETS={project}/bin/envtest"
    assert output_of(example, project).splitlines() == [export, "etcd", "kube-apiserver", "kubectl"]


def test_an_earlier_version_is_emulated(project: Path) -> None:
    (example,) = [each for each in EXAMPLES if "--emulated-version" in each]
    output = output_of(example, project)
    assert "deployments" in output
    assert "servicecidrs" not in output


def test_any_server_is_tested(
    apiserver: ApiServer, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = [each for each in EXAMPLES if "conformance" in each]
    monkeypatch.setenv("HOME", str(project))
    (project / ".kube").mkdir()
    (project / ".kube" / "config").write_bytes(apiserver.kubeconfig.read_bytes())
    # The first command tests everything, which tests/wire does.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider -k discovery")
    given = example.replace("https://127.0.0.1:6443", apiserver.url)
    output = output_of(given.replace("=TOKEN", f"={apiserver.admin.token}"), project)
    features = re.findall(r"^([a-z ]+?) +[1-9]\d* passed +0 failed", output, re.MULTILINE)
    assert {"discovery", "server side apply", "watch"} <= set(features)
