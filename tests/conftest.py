"""Shared by all tests: their order, the shared server, and the source of etcd."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from tests.etcd_process import EtcdMissing, etcd_endpoint
from tests.robustness.runs import SEED

# Where the package is installed, its entry point has brought the plugin already.
pytest_plugins = ["apiserver.testing.plugin", "pytester"]

TESTS: Final = Path(__file__).parent
#: Slow tests first, so that many quick ones are left to keep every worker busy until the end.
ORDER: Final = (
    "unit/resources/test_growth.py", "fuzz", "robustness", "clients", "harness", "wire", "contract",
    "laws", "unit", "architecture",
)  # fmt: skip

# The same examples in every run. --hypothesis-profile=thorough takes more, chosen by a seed.
settings.register_profile("quick", deadline=None, max_examples=25, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=500, print_blob=True)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests in ``tests/wire`` be run on any server."""
    group = parser.getgroup("wire", "the server that tests/wire is run on")
    group.addoption("--server", metavar="URL", help="a server that runs; else one is started")
    group.addoption("--token", metavar="TOKEN", default="admin-token", help="its administrator's")
    group.addoption(
        "--store",
        choices=("memory", "sqlite", "etcd"),
        default="memory",
        help="the store of the server that is started",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Keep the garbage collector from what lives as long as the tests: all that is collected."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests."""
    items.sort(key=lambda item: place_of(item.path.relative_to(TESTS).as_posix()))


def place_of(path: str) -> int:
    """Return the place of a file in the order of the tests."""
    return next(place for place, start in enumerate(ORDER) if path.startswith(start))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the choices of robustness runs were made from."""
    terminalreporter.write_line(f"robustness: ROBUSTNESS_SEED={SEED}")


@pytest.fixture(scope="session")
def etcd_url() -> Iterator[str]:
    """The URL of an etcd. Without one its tests are skipped, in CI they fail."""
    with ExitStack() as stack:
        try:
            endpoint = stack.enter_context(etcd_endpoint())
        except EtcdMissing as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))
        yield endpoint
