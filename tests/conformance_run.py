"""Runs the conformance tests of the package as users run them, outside of this project."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = (ROOT / "apiserver/testing/conformance").glob("test_*.py")
FEATURES = {path.stem.removeprefix("test_").replace("_", " ") for path in MODULES}
ROW = re.compile(r"^([a-z ]+?) +(\d+) passed +(\d+) failed +(\d+) skipped$", re.MULTILINE)


def run_conformance(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run them from a directory."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pytest; sys.exit(pytest.main())"
    )
    command = [
        *(sys.executable, "-P", "-c", program, "-q", "-p", "no:cacheprovider"),
        *("-p", "apiserver.testing.plugin", "--pyargs", "apiserver.testing.conformance"),
    ]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, cwd=directory
    )


def features_of(output: str) -> dict[str, tuple[int, int, int]]:
    """Return the table: by feature, how many tests passed, failed, and were skipped."""
    return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in ROW.findall(output)}
