"""Speed of the harness: starts, resets, and suites of small tests. Prints; asserts nothing.

python tests/bench/bench_harness.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from apiserver.testing import ApiServer

OBJECTS = 1000
TESTS = 200
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"

FIRST = """
import time
def test_first(apiserver):
    apiserver.request("GET", "/api/v1/namespaces")
    print("FIRST", time.time())
"""
SUITE = f"""
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_small(apiserver_reset, number):
    server = apiserver_reset
    for name in "ab":
        server.request("POST", "{CONFIGMAPS}", {{"metadata": {{"name": name}}}})
    assert len(server.request("GET", "{CONFIGMAPS}")["items"]) == 3
"""
IMPORT = """
import time, pytest
begun = time.perf_counter()
import apiserver.testing.plugin
print(time.perf_counter() - begun)
"""


def main() -> None:
    imports = [float(output([sys.executable, "-c", IMPORT])) for _ in range(5)]
    print(f"import of the plugin   {1000 * min(imports):7.1f} ms")
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "test_first.py").write_text(FIRST)
        (folder / "test_suite.py").write_text(SUITE)
        for name, options in (("1st run", ("-p", "no:cacheprovider")), ("later runs", ())):
            firsts = []
            for _ in range(6):
                begun = time.time()
                told = pytest(folder, "test_first.py", "-s", *options)
                firsts.append(float(told.partition("FIRST ")[2].split()[0]) - begun)
            print(f"pytest to 1st request  {1000 * min(firsts):7.0f} ms (best of 6, {name})")
        for options in ((), ("-n2",)):
            begun = time.time()
            pytest(folder, "test_suite.py", *options)
            shown = " ".join(options)
            print(f"{TESTS} tests with resets {time.time() - begun:8.2f} s  {shown}")
    with ApiServer() as server:
        resets(server)


def resets(server: ApiServer) -> None:
    empty = server.snapshot()
    for number in range(OBJECTS):
        server.request("POST", CONFIGMAPS, {"metadata": {"name": f"c{number}"}})
    full = server.snapshot()
    away, back = [], []
    for _ in range(10):
        for snapshot, times in ((empty, away), (full, back)):
            server.settle()
            begun = time.perf_counter()
            assert server.reset(snapshot) == OBJECTS
            times.append(time.perf_counter() - begun)
    for name, times in (("deletes", away), ("creates", back)):
        print(
            f"reset that {name}    {1000 * min(times):7.1f} ms for {OBJECTS} objects "
            f"(median {1000 * statistics.median(times):.1f})"
        )


def pytest(folder: Path, *arguments: str) -> str:
    plugins = ("-p", "apiserver.testing.plugin")
    return output([sys.executable, "-m", "pytest", "-q", *plugins, *arguments], folder)


def output(command: list[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    main()
