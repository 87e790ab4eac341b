"""The values of --emulated-version, and the errors for invalid ones."""

from __future__ import annotations

import pytest

from apiserver.server.cli import parse_arguments
from apiserver.server.emulated_version import emulated_minor
from apiserver.version import MINOR, VERSION, version_info


@pytest.mark.parametrize(
    ("given", "minor"),
    [
        ([], MINOR),
        (["1.27"], "27"),
        (["v1.31"], "31"),
        (["1.36"], "36"),
        (["kube=1.30"], "30"),
        ([" kube = 1.30.0"], "30"),
    ],
)
def test_a_version_is_that_of_kube(given: list[str], minor: str) -> None:
    assert emulated_minor(given) == minor


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["1.26"], "emulation version 1.26 is not between [1.27, 1.36.0]"),
        (["kube=1.37"], "emulation version 1.37 is not between [1.27, 1.36.0]"),
        (["2.30"], "emulation version 2.30 is not between [1.27, 1.36.0]"),
        (["1.33.1"], "patch version not allowed, got: kube=1.33.1"),
        (["wardle=1.30"], "component not registered: wardle"),
        (["1.30", "kube=1.31"], "duplicate version flag, kube=1.30 and kube=1.31"),
        (["latest"], 'could not parse "latest" as version'),
        (["1"], 'illegal version string "1"'),
        (["1.030"], 'illegal zero-prefixed version component "030" in "1.030"'),
    ],
)
def test_other_values_are_refused(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_arguments([f"--emulated-version={each}" for each in given])
    assert capsys.readouterr().err == f"apiserver: {message} (see apiserver --help)\n"


def test_values_may_be_separated_by_commas(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--emulated-version=kube=1.30,1.31"])
    assert "duplicate version flag" in capsys.readouterr().err


@pytest.mark.parametrize(("minor", "compatible"), [("27", "27"), ("28", "27"), ("33", "32")])
def test_the_version_of_the_server_itself_is_told_as_well(minor: str, compatible: str) -> None:
    emulated = {"emulationMinor": minor, "minCompatibilityMinor": compatible}
    assert version_info(minor) == {**VERSION, **emulated}
    assert VERSION["gitVersion"].startswith(f"v1.{VERSION['minor']}.")


def test_without_the_flag_nothing_is_emulated() -> None:
    assert parse_arguments([])[0].emulated == MINOR
    assert version_info() is VERSION
