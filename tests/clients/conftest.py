"""Servers on stores that last, kubectl, and helm."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from storage.open import open_store
from tests.clients.helm_program import WHEELS, HelmMissing, helm_program
from tests.clients.https import ask, create_namespace
from tests.server_process import ServerProcess, running_server
from tests.waiting import PATIENCE

STORES: Final = ("sqlite", "etcd")
EVERY_STORE: Final = bool(os.environ.get("EVERY_STORE"))


def on(store: str) -> pytest.MarkDecorator:
    """Mark tests of what has nothing to do with how objects are stored: one store is enough."""
    return pytest.mark.parametrize("store", STORES if EVERY_STORE else [store], indirect=True)


ON_SQLITE: Final = on("sqlite")
ON_ETCD: Final = on("etcd")
#: How long kubectl and helm wait for what must come.
WAITS: Final = f"--timeout={PATIENCE}s"
#: The apiVersion of kinds that are not in v1.
VERSIONS: Final = {
    "cronjob": "batch/v1",
    "deployment": "apps/v1",
    "job": "batch/v1",
    "rolebinding": "rbac.authorization.k8s.io/v1",
}


class Program:
    """A real client's program, as the administrator of one server, in one namespace."""

    def __init__(self, program: str, kubeconfig: Path, home: Path, namespace: str) -> None:
        self.namespace = namespace
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            # A program that runs for a moment has no use for a collector.
            "GOGC": "off",
            "GOMEMLIMIT": "256MiB",
        }
        self._command = (program, f"--namespace={namespace}")

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must succeed; return what it writes."""
        done = self.run(*arguments, stdin=stdin)
        command = " ".join(done.args)
        assert done.returncode == 0, f"{command}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must fail; return what it complains of."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 1, f"{' '.join(done.args)}: {done.returncode}: {done.stdout}"
        return done.stderr

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(
            [*self._command, *arguments],
            input=stdin,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )

    @contextmanager
    def follow(self, *arguments: str, stderr: int | None = None) -> Iterator[subprocess.Popen[str]]:
        """Run a command that goes on; it is ended with the block, if it has not ended then."""
        process = subprocess.Popen(
            [*self._command, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


class PlainKubectl(Program):
    """Real kubectl."""

    def __init__(self, kubeconfig: Path, home: Path, namespace: str = "default") -> None:
        super().__init__(find_kubectl(), kubeconfig, home, namespace)

    def json(self, *arguments: str) -> Any:
        """Run a command that must succeed and write JSON."""
        return json.loads(self(*arguments, "-o", "json"))


class Kubectl(PlainKubectl):
    """Real kubectl on a server of ours, and requests without it, which take no process."""

    def __init__(self, server: ServerProcess, namespace: str) -> None:
        # What kubectl discovers it keeps at home, and it is the same in all tests of a server.
        super().__init__(server.kubeconfig, server.directory / "home", namespace)
        self._server = server

    def stored(self, kind: str, name: str) -> Any:
        """Return an object of the namespace."""
        metadata = {"namespace": self.namespace, "name": name}
        return self.again(
            {"apiVersion": VERSIONS.get(kind, "v1"), "kind": kind, "metadata": metadata}
        )

    def again(self, document: Any) -> Any:
        """Return an object as it is now."""
        return ask(self._server, "GET", f"{path_of(document)}/{document['metadata']['name']}")

    def store(self, *documents: Any) -> list[Any]:
        """Create objects, in the namespace if they are in any, and return them."""
        made = []
        for document in documents:
            namespace = None if document["kind"] == "Node" else self.namespace
            metadata = {"namespace": namespace, **document["metadata"]}
            placed = {**document, "metadata": metadata}
            made.append(ask(self._server, "POST", path_of(placed), placed))
        return made


def path_of(document: Any) -> str:
    """Return the path of the collection that an object belongs to."""
    version, kind = document["apiVersion"], document["kind"].lower()
    namespace = document["metadata"].get("namespace")
    within = f"namespaces/{namespace}/" if namespace else ""
    plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
    return f"/{'apis' if '/' in version else 'api'}/{version}/{within}{plural}"


def find_kubectl() -> str:
    """Return the kubectl that came with the tests, else the one on the path."""
    installed = Path(sys.executable).with_name("kubectl")
    found = str(installed) if installed.is_file() else shutil.which("kubectl")
    if not found:
        pytest.skip("no kubectl")
    return found


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """Each kind of store that lasts, in turn."""
    return str(request.param)


Servers = Callable[[str, str], ServerProcess]


@pytest.fixture(scope="session")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    """Return the server on a store for a purpose, which starts when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def started(store: str, purpose: str) -> ServerProcess:
            directory = tmp_path_factory.mktemp(f"{purpose}-{store}")
            return stack.enter_context(running_server(directory, *flags_of(request, store)))

        yield started


@pytest.fixture(scope="module")
def server(servers: Servers, store: str) -> Iterator[ServerProcess]:
    """A server that many tests share; what it logs must be no traceback."""
    started = servers(store, "shared")
    logged = len(started.log)
    yield started
    assert "Traceback" not in started.log[logged:], started.log[logged:]


@pytest.fixture
def own_server(servers: Servers, store: str) -> Iterator[ServerProcess]:
    """A server that a test may stop: nobody else uses it meanwhile, but others did before."""
    started = servers(store, "own")
    if started.process is None:
        started.start()
    logged = len(started.log)
    yield started
    assert "Traceback" not in started.log[logged:], started.log[logged:]


@pytest.fixture
def kubectl(server: ServerProcess) -> Kubectl:
    """Real kubectl on the shared server, in a namespace of its own."""
    return in_new_namespace(server)


@pytest.fixture
def own_kubectl(own_server: ServerProcess) -> Kubectl:
    """Real kubectl on a server that a test may stop, in a namespace of its own."""
    return in_new_namespace(own_server)


def in_new_namespace(server: ServerProcess) -> Kubectl:
    """Return kubectl in a new namespace."""
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    create_namespace(server, namespace)
    return Kubectl(server, namespace)


@pytest.fixture(scope="session", params=list(WHEELS))
def helm_version(request: pytest.FixtureRequest) -> str:
    """Each major version of helm, in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def helm_path(helm_version: str) -> Iterator[Path]:
    """Where the program is."""
    with tempfile.TemporaryDirectory(prefix="helm-") as directory:
        try:
            yield helm_program(helm_version, Path(directory))
        except HelmMissing as error:
            pytest.skip(str(error))


@pytest.fixture
def helm(helm_path: Path, server: ServerProcess, kubectl: Kubectl, tmp_path: Path) -> Program:
    """Real helm, in the namespace of kubectl."""
    return Program(str(helm_path), server.kubeconfig, tmp_path, kubectl.namespace)


def forget_history(server: ServerProcess) -> None:
    """Forget all that was before now in the store of a server, which is restarted for it."""
    assert server.stop() == 0
    asyncio.run(compacted(server))
    server.start()


async def compacted(server: ServerProcess) -> None:
    """Compact the store of a server that does not run."""
    flag = "--etcd-servers="
    endpoints = [each.removeprefix(flag) for each in server.flags if each.startswith(flag)]
    url = endpoints[0] if endpoints else f"sqlite:///{server.directory / 'state.db'}"
    store = await open_store(url)
    try:
        await store.compact(await store.revision())
    finally:
        await store.close()


def flags_of(request: pytest.FixtureRequest, store: str) -> list[str]:
    """Return the flags for a new store of a kind."""
    if store == "sqlite":
        return []
    endpoint = request.getfixturevalue("etcd_url")
    return [f"--etcd-servers={endpoint}", f"--etcd-prefix=/{uuid.uuid4()}"]
