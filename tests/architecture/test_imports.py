"""The import contracts of ``pyproject.toml`` hold."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
KINDS = "apiserver.resources.builtin."
#: The layers of packages have a contract of their own; tests import what they like.
WITHOUT_CONTRACT = {"apiserver", "apiserver.testing.conformance"}


def test_the_contracts_of_the_layers_are_kept() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_has_a_contract_that_names_all_its_modules() -> None:
    named = {
        container
        for contract in CONTRACTS
        if contract.get("exhaustive")
        for container in contract["containers"]
    }
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts): path.parent
        for top in ("apiserver", "storage")
        for path in (ROOT / top).rglob("__init__.py")
        if len([*path.parent.glob("*.py"), *path.parent.glob("*/__init__.py")]) > 2
    }
    # The modules of a group of kinds are as independent of each other as the kinds are.
    missing = {
        name
        for name in packages.keys() - named - WITHOUT_CONTRACT
        if not name.startswith(KINDS) or name == f"{KINDS}parts"
    }
    assert named <= packages.keys()
    assert missing == set()


def test_tests_of_the_wire_know_nothing_of_the_program() -> None:
    for path in sorted((ROOT / "tests" / "wire").rglob("*.py")):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]):
                assert not words[1].startswith(("apiserver", "storage")), f"{path.name}: {line}"
