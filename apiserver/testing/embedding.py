"""A server for tests: the production server with another clock, more filters and a control socket.

Nothing of the production server is changed: its dependencies on the environment are parameters (see
`apiserver.server.serving.Embedding`). Authentication, authorization and admission are as they are.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, TypedDict

from apiserver.client.workqueue import set_later
from apiserver.endpoints.http_request import Handler
from apiserver.machinery.randomness import set_random_source
from apiserver.machinery.times import set_system_clock, system_clock
from apiserver.server.assembly import (
    Server,
    ServerEnvironment,
    StorageOptions,
    open_configured_store,
)
from apiserver.server.cli import parse_arguments
from apiserver.server.config import Config
from apiserver.server.files import make_directory, write_private
from apiserver.server.serving import Embedding, serve_until
from apiserver.testing.control_operations import Operations, Tools, token_rows
from apiserver.testing.control_server import ControlServer
from apiserver.testing.fault_filter import FaultFilter
from apiserver.testing.fault_rules import FaultRules
from apiserver.testing.harness_agent import GROUP, USER
from apiserver.testing.request_recorder import RequestRecorder
from apiserver.testing.revision_history import RevisionHistory
from apiserver.testing.seeding import SeededBytes
from apiserver.testing.snapshots import Snapshots
from apiserver.testing.stale_reads import StaleReads
from apiserver.testing.steerable_clock import SteerableClock
from apiserver.testing.watch_faults import WatchFaults
from storage.interface import FeedStore
from storage.memory import MemoryStore

_MEMORY: Final = "memory://"
_QUIET_SECONDS: Final = 0.004
_TIMEOUT: Final = 30.0


class Ready(TypedDict):
    """The addresses and credentials of a server that has started; the paths are absolute."""

    url: str
    token: str
    ca_file: str
    directory: str
    control: str
    control_token: str
    snapshot: int
    revision: int


class HarnessEmbedding(Embedding):
    """The environment of a server for tests. ``announce`` is called when the server is ready."""

    owns_process = False

    def __init__(
        self, settings: dict[str, Any], config: Config, announce: Callable[[Ready], None]
    ) -> None:
        self._settings = settings
        self._config = config
        self._announce = announce
        self._directory = Path(settings["directory"])
        self._store: FeedStore[bytes] | None = None
        self._stale = StaleReads()
        recorder, rules = RequestRecorder(), FaultRules()
        watch_faults = WatchFaults(rules, self._revision)
        faults = FaultFilter(rules, recorder, watch_faults, self._stale)
        self.tools = Tools(
            SteerableClock(), SeededBytes(settings["seed"]), recorder, rules, faults, watch_faults
        )
        self.environment = ServerEnvironment(
            self._open_store, watch_faults.channel_for, self.tools.clock.sleep, uids_recur=True
        )
        self.inserted = [faults]

    def outermost(self, handler: Handler) -> Handler:
        return self.tools.recorder.recording(handler)

    @asynccontextmanager
    async def serving(self, server: Server, url: str, kubeconfig: Path) -> AsyncIterator[None]:
        assert self._store is not None
        self._stale.attach(server.registry, self._store)
        operations = self._operations(server, self._store)
        control = ControlServer(operations.table(), self._settings["token"])
        path = self._directory / "control"
        # Where it cannot begin, the server ends with the reason.
        async with control.listening(path), asyncio.TaskGroup() as group:
            beginning = group.create_task(self._begin(operations, url, path))
            yield
            beginning.cancel()

    async def _begin(self, operations: Operations, url: str, control: Path) -> None:
        """Wait until the controllers have created the default objects; announce the server."""
        await operations.server.ready.wait()
        table = operations.table()
        await table["settle"](quiet=_QUIET_SECONDS, timeout=_TIMEOUT)
        snapshot = await table["snapshot"]()
        self._announce({
            "url": url,
            "token": self._settings["token"],
            "ca_file": str(self._config.cert_dir / "ca.crt"),
            "directory": str(self._directory),
            "control": str(control),
            "control_token": self._settings["token"],
            "snapshot": snapshot["number"],
            "revision": snapshot["revision"],
        })  # fmt: skip

    def _operations(self, server: Server, store: FeedStore[bytes]) -> Operations:
        root = self._config.etcd_prefix
        return Operations(
            server,
            store,
            self.tools,
            Snapshots(server, store, root, int(self._config.event_ttl)),
            RevisionHistory(server.registry, root),
            Path(self._config.token_auth_file),
            [harness_user(self._settings)],
            self._settings["seed"],
        )

    async def _open_store(self, storage: StorageOptions) -> FeedStore[bytes]:
        if storage.url == _MEMORY:
            self._store = MemoryStore(self.tools.clock.monotonic)
        else:
            self._store = await open_configured_store(storage)
        return self._store

    def _revision(self) -> int:
        known = None if self._store is None else self._store.current_revision()
        return known or 0


def harness_user(settings: dict[str, Any]) -> tuple[str, str, list[str]]:
    """Return the row of the harness in the token file."""
    return settings["token"], USER, [GROUP]


@contextmanager
def process_wide(tools: Tools) -> Iterator[None]:
    """Give this process the clock, timers and random bytes of a server while the block runs."""
    before = system_clock()
    set_system_clock(tools.clock)
    set_later(tools.clock.call_later)
    set_random_source(tools.seeds)
    try:
        yield
    finally:
        set_system_clock(before)
        set_later(None)
        set_random_source(os.urandom)


async def serve_for_tests(
    settings: dict[str, Any], stop: asyncio.Event, announce: Callable[[Ready], None]
) -> None:
    """Serve until ``stop`` is set. Raises StartError.

    ``settings`` are those of `apiserver.testing.launching.new_settings`.
    """
    directory = Path(settings["directory"])
    make_directory(directory)
    tokens = directory / "tokens.csv"
    write_private(tokens, token_rows([harness_user(settings)]))
    usual = (f"--storage={_MEMORY}", "--secure-port=0", "--bind-address=127.0.0.1")
    # What the harness itself needs is not for others to choose.
    own = (f"--data-dir={directory}", f"--token-auth-file={tokens}")
    config, _ = parse_arguments([*usual, *settings["flags"], *own])
    embedding = HarnessEmbedding(settings, config, announce)
    with process_wide(embedding.tools):
        await serve_until(config, stop, embedding)
