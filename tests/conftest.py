"""What tests of all sorts share: which server they are run on, and where an etcd comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.etcd_process import EtcdMissing, etcd_endpoint


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
