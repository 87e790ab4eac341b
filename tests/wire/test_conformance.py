"""The conformance tests of the package pass on the server under test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance_run import FEATURES, features_of, run_conformance


def test_every_feature_conforms(
    request: pytest.FixtureRequest, server: str, tmp_path: Path
) -> None:
    token = request.config.getoption("--token")
    done = run_conformance(tmp_path, f"--server={server}", f"--token={token}")
    assert done.returncode == 0, done.stdout
    found = features_of(done.stdout)
    assert found.keys() == FEATURES
    assert not any(failed for _, failed, _ in found.values())
