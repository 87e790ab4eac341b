"""The pytest plugin: a server for the tests, and fixtures around it.

pytest loads this module always, so it imports nothing but pytest. The server is started by the
first test that uses it, once per session, and with pytest-xdist once per worker.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from apiserver.testing.fault_switches import FaultSwitches
    from apiserver.testing.harness import ApiServer
    from apiserver.testing.kube_users import KubeUser
    from apiserver.testing.launched import Launched
    from apiserver.testing.server_clock import ServerClock

# The key in pytest's cache: whether the last run has used a server.
_USED: Final = "apiserver/used"
_CONFORMANCE: Final = "apiserver.testing.conformance"
# The options with which pytest runs no test.
_QUESTIONS: Final = ("collectonly", "help", "markers", "showfixtures", "show_fixtures_per_test")
#: The servers that run, by the name of their fixture.
_running: Final[pytest.StashKey[dict[str, ApiServer]]] = pytest.StashKey()
#: A server that was started before a test has asked for it.
_early: Final[pytest.StashKey[Launched]] = pytest.StashKey()
#: When the setup of a test began, in seconds since 1970.
_begun: Final = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, on the command line and in pytest.ini."""
    group = parser.getgroup("apiserver", "the Kubernetes API server for tests")
    group.addoption(
        "--apiserver-flag", action="append", default=[], metavar="FLAG",
        help="a flag of the server, after those of apiserver_flags",
    )  # fmt: skip
    group.addoption(
        "--apiserver-in-process", action="store_true", default=None,
        help="run it in a thread of this process, for a debugger",
    )  # fmt: skip
    group.addoption(
        "--apiserver-seed", type=int, metavar="N", help="make UIDs and generated names by this seed"
    )
    group.addoption(
        "--apiserver-log-lines", type=int, metavar="N",
        help="show so many requests and lines of the log with a failed test (20)",
    )  # fmt: skip
    parser.addini("apiserver_flags", "flags of the server", type="args", default=[])
    parser.addini("apiserver_in_process", "run it in this process", type="bool", default=False)
    parser.addini("apiserver_seed", "the seed of UIDs and generated names", default="")
    parser.addini("apiserver_log_lines", "requests and lines shown with a failure", default="20")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, args: list[str]
) -> Generator[None, None, None]:
    """Load the plugin of the conformance tests, if they are to be run: it has options."""
    yield
    if any(_CONFORMANCE in arg.replace("/", ".") for arg in args):
        early_config.pluginmanager.import_plugin(f"{_CONFORMANCE}.conformance_plugin")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the place of the servers; start one if the last run has used one.

    It starts while pytest collects the tests.
    """
    config.stash[_running] = {}
    runs_tests = hasattr(config, "workerinput") or config.getoption("dist", "no") == "no"
    asked = any(getattr(config.option, name, False) for name in _QUESTIONS)
    if not runs_tests or asked or _option(config, "in_process"):
        return
    cache = _cache(config)
    if cache is not None and cache.get(_USED, default=False):
        from apiserver.testing.launching import launch

        config.stash[_early] = launch(*_wanted(config))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop a server that was started early, and that no test has used."""
    early = config.stash.get(_early, None)
    if early is not None:
        early.stop()
        _note_use(config, used=False)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when a test begins."""
    item.stash[_begun] = time.time()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the requests of a failed test, and the end of the server's log, to its report."""
    report = yield
    if report.failed:
        names = getattr(item, "fixturenames", ())
        for name, server in item.config.stash[_running].items():
            if name in names:
                report.sections += _sections(name, server, item)
    return report


def _sections(name: str, server: ApiServer, item: pytest.Item) -> list[tuple[str, str]]:
    from apiserver.testing.control_client import ControlFailed

    lines = int(_option(item.config, "log_lines"))
    try:
        since = item.stash.get(_begun, 0.0)
        requests = [str(each) for each in server.requests if each.started >= since]
    except ControlFailed as error:
        requests = [str(error)]
    log = server.log(lines)
    return [
        (f"{name}: last requests", "\n".join(requests[-lines:]) or "none"),
        (f"{name}: log", log or "nothing"),
    ]


def _option(config: pytest.Config, name: str) -> Any:
    """Return an option of the command line, or else of pytest.ini."""
    given = config.getoption(f"apiserver_{name}")
    return config.getini(f"apiserver_{name}") if given is None else given


def _serve(request: pytest.FixtureRequest, *, in_process: bool) -> Iterator[ApiServer]:
    from apiserver.testing.launching import launch

    config, name = request.config, str(request.fixturename)
    flags, seed = _wanted(config)
    launched = None if in_process else config.stash.get(_early, None)
    if launched is not None:
        del config.stash[_early]
    else:
        launched = launch(flags, seed, in_process=in_process)
        if not in_process:
            _note_use(config, used=True)
    # It starts while this process imports its own modules.
    from apiserver.testing.harness import ApiServer

    with ApiServer(launched=launched) as server:
        config.stash[_running][name] = server
        yield server
        del config.stash[_running][name]


def _cache(config: pytest.Config) -> pytest.Cache | None:
    """Return pytest's cache, ``None`` if it is switched off."""
    return getattr(config, "cache", None)


def _note_use(config: pytest.Config, *, used: bool) -> None:
    cache = _cache(config)
    if cache is not None:
        cache.set(_USED, used)


def _wanted(config: pytest.Config) -> tuple[list[str], int | None]:
    """Return the flags and the seed of a server."""
    seed = _option(config, "seed")
    flags = [*config.getini("apiserver_flags"), *config.getoption("apiserver_flag")]
    return flags, None if seed == "" else int(seed)


@pytest.fixture(scope="session")
def apiserver(request: pytest.FixtureRequest) -> Iterator[ApiServer]:
    """Start a server in a process of its own, with its data in memory, for the whole session."""
    yield from _serve(request, in_process=bool(_option(request.config, "in_process")))


@pytest.fixture(scope="session")
def apiserver_inprocess(request: pytest.FixtureRequest) -> Iterator[ApiServer]:
    """Start a server in a thread of this process, where breakpoints in it work."""
    yield from _serve(request, in_process=True)


@pytest.fixture
def apiserver_reset(apiserver: ApiServer) -> Iterator[ApiServer]:
    """Put the server back after the test: objects, faults, clock, sequences.

    What fixtures of a wider scope have made remains. For all tests of a project, name it under
    ``usefixtures`` in pytest.ini.
    """
    snapshot = apiserver.snapshot()
    yield apiserver
    apiserver.faults.clear()
    apiserver.clock.reset()
    apiserver.reset(snapshot)
    apiserver.forget(snapshot)


@pytest.fixture
def kube_namespace(apiserver: ApiServer) -> Iterator[str]:
    """Create a namespace, which is deleted after the test; its name."""
    with apiserver.namespace() as name:
        yield name


@pytest.fixture
def kubeconfig(apiserver: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set KUBECONFIG to the path of the administrator's kubeconfig, which is also returned."""
    monkeypatch.setenv("KUBECONFIG", str(apiserver.kubeconfig))
    # The official client has read the variable when it was imported.
    loader = sys.modules.get("kubernetes.config.kube_config")
    if loader is not None:
        monkeypatch.setattr(loader, "KUBE_CONFIG_DEFAULT_LOCATION", str(apiserver.kubeconfig))
    return apiserver.kubeconfig


@pytest.fixture
def kube_admin(apiserver: ApiServer) -> KubeUser:
    """Return the credentials of the administrator."""
    return apiserver.admin


class NewUser(Protocol):
    """Returns the credentials of a new user, see `ApiServer.user`."""

    def __call__(
        self,
        name: str,
        groups: Iterable[str] = (),
        *,
        can: Mapping[str, str | Iterable[str]] | None = None,
        rules: Sequence[Mapping[str, Any]] = (),
        namespace: str = "",
    ) -> KubeUser:
        """Return them."""
        ...


@pytest.fixture
def kube_user(apiserver: ApiServer) -> NewUser:
    """Return a function that makes users: ``kube_user("alice", can={"pods": "get,list"})``."""
    return apiserver.user


@pytest.fixture
def kube_client(apiserver: ApiServer) -> Iterator[ApiClient]:
    """Return an ApiClient of the official package ``kubernetes``, which must be installed."""
    with apiserver.admin.client() as client:
        yield client


@pytest.fixture
def crds(apiserver: ApiServer) -> Callable[..., list[str]]:
    """Return a function that installs definitions: ``crds("deploy/crds", "one.yaml")``."""
    return apiserver.install_crds


@pytest.fixture
def faults(apiserver: ApiServer) -> Iterator[FaultSwitches]:
    """Switch faults on that are lifted after the test."""
    yield apiserver.faults
    apiserver.faults.clear()


@pytest.fixture
def kube_clock(apiserver: ApiServer) -> Iterator[ServerClock]:
    """Move the time of the server; after the test it is the system's again."""
    yield apiserver.clock
    apiserver.clock.reset()
