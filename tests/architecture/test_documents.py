"""The README and the other documents agree with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from apiserver.server.cli import _parser
from apiserver.testing.command import command_parser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def code_blocks() -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([a-z]+)", README))
    assert {"run", "test"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_flag_that_the_readme_names_exists() -> None:
    parsers = (_parser(), command_parser())
    known = {flag for each in parsers for action in each._actions for flag in action.option_strings}
    commands = [
        # Behind two dashes is another command.
        line.partition(" -- ")[0]
        for block in code_blocks()
        for line in re.sub(r"\\\n", " ", block).splitlines()
        if line.startswith("apiserver ")
    ]
    rows = re.findall(r"^\| `(--[a-z-]+)", README, re.MULTILINE)
    flags = {flag for line in commands for flag in re.findall(r"--[a-z-]+", line)}
    assert commands
    assert rows
    assert flags | set(rows) <= known


def test_every_folder_of_the_picture_exists() -> None:
    (picture,) = [block for block in code_blocks() if "registry/" in block]
    for name in re.findall(r"^ *([a-z]+)/ ", picture, re.MULTILINE):
        assert any((ROOT / parent / name).is_dir() for parent in ("", "apiserver")), name


def test_every_package_is_in_the_picture() -> None:
    (picture,) = [block for block in code_blocks() if "registry/" in block]
    packages = {path.parent.name for path in (ROOT / "apiserver").glob("*/__init__.py")}
    assert packages | {"storage"} <= set(re.findall(r"^ *([a-z]+)/ ", picture, re.MULTILINE))


def test_every_dependency_has_its_reason() -> None:
    rows = set(re.findall(r"^\| ([A-Za-z][\w-]*) \|", README, re.MULTILINE))
    extras = PROJECT["optional-dependencies"]["test"]
    needed = {re.split(r"[><=;\[ ]", text)[0] for text in (*PROJECT["dependencies"], *extras)}
    assert needed <= rows, sorted(needed - rows)


@pytest.mark.parametrize("name", list(COMPOSE["services"]))
def test_a_composed_service_is_pinned_and_looked_after(name: str) -> None:
    service = COMPOSE["services"][name]
    _, _, tag = service["image"].rpartition(":")
    assert re.search(r"\d+\.\d+\.\d+", tag), "an exact version"
    assert service["healthcheck"]["test"]
    for other in service.get("depends_on", ()):
        assert other in COMPOSE["services"]
    for volume in service.get("volumes", ()):
        assert volume.partition(":")[0] in COMPOSE["volumes"]


def test_the_composed_servers_are_started_with_flags_that_exist() -> None:
    known = {flag for action in _parser()._actions for flag in action.option_strings}
    for name in ("apiserver-1", "apiserver-2"):
        for argument in COMPOSE["services"][name]["command"]:
            assert argument.partition("=")[0] in known


def test_the_license_is_apaches() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
