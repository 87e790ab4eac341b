"""The options and fixtures of the conformance tests, and their table. Loaded only with them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Final

import pytest

from apiserver.client.kubeconfig_file import KubeconfigError
from apiserver.testing.conformance.conformance_client import Api, connect

_OUTCOMES: Final = ("passed", "failed", "skipped")
_TITLE: Final = "conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that say which server is tested."""
    group = parser.getgroup(_TITLE, "the server that is tested")
    for option, metavar, text in (
        ("--server", "URL", "a server; it is not verified without a kubeconfig"),
        ("--token", "TOKEN", "the bearer token of an administrator"),
        ("--kubeconfig", "FILE", "a kubeconfig with the server and an administrator"),
    ):
        # A project may have options of these names itself.
        with suppress(ValueError):
            group.addoption(option, metavar=metavar, default="", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to run without a server; count the tests."""
    if not (config.getoption("--server") or config.getoption("--kubeconfig")):
        raise pytest.UsageError("which server? Give --server=URL or --kubeconfig=FILE")
    config.pluginmanager.register(Features(), "apiserver conformance features")


class Features:
    """Counts the tests of each feature, which is a module."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test, once, by its outcome."""
        if report.when == "call" or report.outcome != "passed":
            counts = self._counts.setdefault(_feature(report.nodeid), Counter())
            counts[report.outcome] += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        width = max(map(len, self._counts), default=0)
        terminalreporter.section(_TITLE)
        for feature, counts in sorted(self._counts.items()):
            cells = "  ".join(f"{counts[outcome]:3} {outcome}" for outcome in _OUTCOMES)
            terminalreporter.line(f"{feature:{width}}  {cells}")


def _feature(node_id: str) -> str:
    module = PurePosixPath(node_id.partition("::")[0]).stem
    return module.removeprefix("test_").replace("_", " ")


@pytest.fixture(scope="session")
def api(request: pytest.FixtureRequest) -> Api:
    """Return a client of an administrator."""
    option = request.config.getoption
    try:
        return connect(option("--server") or "", option("--token") or "", option("--kubeconfig"))
    except (KubeconfigError, OSError) as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """Return the name of a new namespace, which is deleted after the test."""
    name = f"conformance-{uuid.uuid4().hex[:8]}"
    api.make("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api.send("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def configmaps(namespace: str) -> str:
    """Return the path of the ConfigMaps of a new namespace."""
    return f"/api/v1/namespaces/{namespace}/configmaps"
