"""A server in this process, over HTTP and a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp

from apiserver.endpoints.filters import Filters, with_filters
from apiserver.endpoints.filters.in_flight import InFlightLimits
from apiserver.endpoints.filters.request_deadline import RequestDeadlines
from apiserver.endpoints.http_server import HTTPServer
from apiserver.registry.encryption.encryption import Encryption
from apiserver.registry.work_estimating import WorkEstimator
from apiserver.resources.builtin.rbac.bootstrap import BootstrapPolicy
from apiserver.server import rbac_bootstrap
from apiserver.server.access_config import access_factory
from apiserver.server.assembly import Server, StorageOptions, build_server
from apiserver.server.audit_config import build_auditor
from apiserver.server.bootstrap import Endpoint
from apiserver.server.cli import parse_arguments
from apiserver.server.encryption_config import load_encryption
from apiserver.server.server_options import options_from


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server has answered."""

    status: int
    body: Any
    headers: Any

    @property
    def message(self) -> str:
        return str(self.body["message"])


@dataclass(frozen=True, slots=True)
class InProcess:
    """A running server and one client's connections to it."""

    server: Server
    session: aiohttp.ClientSession
    url: str
    encryption: Encryption | None = None

    async def ask(
        self, method: str, path: str, body: Any = None, media_type: str = "application/json"
    ) -> Answer:
        """Send a request with an object as its body, or bytes as they are."""
        headers = {"Content-Type": media_type}
        given = {"data": body} if isinstance(body, bytes) else {"json": body} if body else {}
        async with self.session.request(
            method, self.url + path, headers=headers, **given
        ) as response:
            text = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return Answer(
                response.status, await response.json() if is_json else text, response.headers
            )

    async def get(self, path: str, **headers: str) -> Answer:
        """GET with headers, whose underscores stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.get(self.url + path, headers=named) as response:
            return Answer(response.status, await response.json(), response.headers)


@asynccontextmanager
async def server_in_process(folder: Path, *flags: str) -> AsyncIterator[InProcess]:
    """Serve the built-in kinds to an administrator.

    The default roles exist where flags choose how requests are authorized: they are most of the
    work of a start.
    """
    tokens = folder / "tokens.csv"
    tokens.write_text("secret,admin,1,system:masters\n")
    chosen = any(
        flag.startswith(("--authorization-mode", "--authorization-config")) for flag in flags
    )
    modes = () if chosen else ("--authorization-mode=AlwaysAllow",)
    config, _ = parse_arguments([
        "--storage=memory://", f"--data-dir={folder}", f"--token-auth-file={tokens}",
        "--controllers=-*", *modes, *flags,
    ])  # fmt: skip
    endpoint = Endpoint(config.cluster_ip, "127.0.0.1", 6443)
    encryption = load_encryption(config)
    storage = StorageOptions(config.storage_url, config.etcd_prefix, {}, encryption=encryption)
    options, build_access = options_from(config), access_factory(config)
    auditor = build_auditor(config.audit)
    async with (
        nullcontext() if auditor is None else auditor.running(),
        _starting(build_server(storage, endpoint, options, build_access), roles=chosen) as server,
    ):
        if auditor is not None:
            server.metrics.parts.append(auditor)
        filters = Filters(
            authenticator=server.access.authenticator,
            authorizer=server.access.authorizer,
            metrics=server.metrics,
            deadlines=RequestDeadlines(config.request_timeout),
            limits=InFlightLimits(400, 200),
            auditor=auditor,
            flow_control=options.flow_control,
            estimator=WorkEstimator(server.registry),
        )
        http_server = HTTPServer(with_filters(server.router.handle, filters))
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(http_server.connect, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        headers = {"Authorization": "Bearer secret"}
        async with aiohttp.ClientSession(headers=headers) as session:
            server.become_ready()
            yield InProcess(server, session, f"http://127.0.0.1:{port}", encryption)
        listener.close()
        server.router.streams.stop()
        await http_server.drain(1)


@asynccontextmanager
async def _starting(
    building: AbstractAsyncContextManager[Server], *, roles: bool
) -> AsyncIterator[Server]:
    none = BootstrapPolicy([], [], [], [])
    policy = patch.object(rbac_bootstrap, "bootstrap_policy", return_value=none)
    with nullcontext() if roles else policy:
        async with building as server:
            yield server
