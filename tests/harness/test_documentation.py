"""Runs the README's examples about testing with the server."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from apiserver.testing import plugin
from apiserver.testing.fault_switches import Conditions, FaultSwitches
from tests.harness.test_reset import CRD

ROOT: Final = Path(__file__).parents[2]
SECTION: Final = re.search(
    r"^## Test with it\n(.*?)^## ", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)
assert SECTION is not None
TEXT: Final = SECTION[1]

# What the examples take for granted: the code that they test.
LOCKS: Final = """
from kubernetes.client import ApiException

def take_lock(core, namespace, name, holder):
    while True:
        try:
            return core.patch_namespaced_config_map(name, namespace, {"data": {"holder": holder}})
        except ApiException as error:
            if error.status != 409:
                raise
"""
GIVEN: Final = """
from kubernetes.client import ApiException, CoreV1Api

def list_pods(user):
    try:
        CoreV1Api(user.client()).list_namespaced_pod("default")
    except ApiException as error:
        return error.status
    return 200
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> list[str]:
    """Return the names in code style in the first column of a table."""
    table = TEXT[TEXT.index(f"| {heading} |") :].partition("\n\n")[0]
    first = [line.split("|")[1] for line in table.splitlines()[2:]]
    return [name for cell in first for name in re.findall(r"`(\w+)", cell)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the programs of this environment are found."""
    programs = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "deploy" / "crds").mkdir(parents=True)
    (tmp_path / "deploy" / "crds" / "widgets.json").write_text(json.dumps(CRD))
    return tmp_path


def test_the_tests_pass(pytester: pytest.Pytester) -> None:
    tests = [block for block in blocks("python") if "\ndef test_" in f"\n{block}"]
    assert len(tests) == 2
    pytester.makepyfile(locks=LOCKS)
    for number, block in enumerate(tests):
        pytester.makepyfile(**{f"test_example_{number}": GIVEN + block})
    (ini,) = blocks("ini")
    pytester.makeini(ini)
    result = pytester.runpytest_subprocess("-p", "apiserver.testing.plugin")
    result.assert_outcomes(passed=len(tests))


def test_the_scripts_run(project: Path) -> None:
    (script,) = [block for block in blocks("python") if "def test_" not in block]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    created, deleted, differences = done.stdout.splitlines()
    assert created.endswith(" 2030-01-01T00:00:00Z")
    assert deleted.endswith(" None")
    assert differences == "[]"


def test_the_commands_run(project: Path) -> None:
    (commands,) = blocks("sh")
    run = commands.replace("apiserver test", f"{sys.executable} -m apiserver test")
    done = subprocess.run(
        ["sh", "-ec", run], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "kube-system" in done.stdout
    assert done.stdout.endswith("ok")


def test_every_fixture_is_described() -> None:
    fixtures = {
        name for name, value in vars(plugin).items() if "fixture" in type(value).__name__.lower()
    }
    assert {"apiserver", "faults"} <= fixtures
    assert set(rows("fixture")) == fixtures


def test_every_fault_and_condition_is_described() -> None:
    methods = {name for name, _ in inspect.getmembers(FaultSwitches, inspect.isfunction)}
    assert set(rows("fault")) == {name for name in methods if name[0] != "_"} - {"clear"}
    for name in rows("fault"):
        described = re.search(rf"`{name}\(([^)]*)\)`", TEXT)
        assert described is not None
        given = [part.split("=")[0] for part in described[1].split(", ") if part]
        known = inspect.signature(getattr(FaultSwitches, name)).parameters
        assert set(given) <= set(known), name
    for condition in Conditions.__annotations__:
        assert f"`{condition}`" in TEXT, condition


def test_every_option_exists(pytestconfig: pytest.Config) -> None:
    (ini,) = blocks("ini")
    for name in re.findall(r"^(apiserver_\w+) =", ini, re.MULTILINE):
        pytestconfig.getini(name)
    for name in re.findall(r"`--(apiserver-[a-z-]+)", TEXT):
        pytestconfig.getoption(name.replace("-", "_"))
