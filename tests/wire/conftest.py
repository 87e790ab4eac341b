"""A server, known only by its URL, and a client with full control over its requests."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.server_process import ROOT_CA_PUBLISHER, running_server
from tests.wire.backend import Backend, NoAddress, running_backend
from tests.wire.conversion_webhook import ConversionWebhook, honest, serving_conversion
from tests.wire.proxied import Proxied
from tests.wire.widgets import Widgets


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Api:
    """A client of one user. ``None`` as a header's value leaves the header out."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self.session = session
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}", "User-Agent": "wire/1.0"}

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Send one request; a body that is not bytes is sent as JSON."""
        given = {**self.headers, **(headers or {})}
        data = body
        if isinstance(body, bytes):
            data = io.BytesIO(body)
        elif body is not None:
            data = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        async with self.session.request(
            method,
            self.url + path,
            data=data,
            headers={name: value for name, value in given.items() if value is not None},
            skip_auto_headers=["Content-Type", "Accept", "Accept-Encoding"],
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str | None) -> Answer:
        """GET a path; ``_`` in the name of a header stands for ``-``."""
        return await self.send("GET", path, headers=_named(headers))

    async def events(self, path: str, count: int, accept: str = "application/json") -> list[Any]:
        """Return the first events of a watch, which ends with them."""
        headers = {**self.headers, "Accept": accept}
        async with self.session.get(self.url + path, headers=headers) as response:
            assert response.status == 200, await response.text()
            return [json.loads(await response.content.readline()) for _ in range(count)]

    async def post(self, path: str, body: Any, **headers: str | None) -> Answer:
        """POST a document."""
        return await self.send("POST", path, body, _named(headers))


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of the server under test."""
    given = request.config.getoption("--server")
    if given:
        yield given.rstrip("/")
        return
    flags = {
        "memory": lambda: ["--storage=memory://"],
        "sqlite": list,
        "etcd": lambda: [
            f"--etcd-servers={request.getfixturevalue('etcd_url')}",
            f"--etcd-prefix=/{uuid.uuid4()}",
        ],
    }[request.config.getoption("--store")]()
    directory: Path = tmp_path_factory.mktemp("server")
    # Tests of evictions write the status of budgets themselves.
    flags.append(f"--controllers=*,-disruption-controller,-{ROOT_CA_PUBLISHER}")
    with running_server(directory, *flags) as started:
        yield started.url
        assert "Traceback" not in started.log, started.log


@pytest.fixture
def address(server: str) -> tuple[str, int]:
    """Where the server under test listens."""
    host, _, port = server.removeprefix("https://").rpartition(":")
    return host, int(port)


@pytest.fixture(scope="session")
def trusting() -> ssl.SSLContext:
    """TLS with a server that is known by its URL alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture
async def api(
    request: pytest.FixtureRequest, server: str, trusting: ssl.SSLContext
) -> AsyncIterator[Api]:
    """A client of an administrator."""
    sockets: list[socket.socket] = []

    def new_socket(address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, *_ = address
        sockets.append(socket.socket(family, kind, protocol))
        return sockets[-1]

    connector = aiohttp.TCPConnector(ssl=trusting, socket_factory=new_socket)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        yield Api(session, server, request.config.getoption("--token"))
    await _all_closed(sockets)


@pytest.fixture
async def namespace(api: Api) -> str:
    """The name of a new namespace."""
    name = f"wire-{uuid.uuid4().hex[:8]}"
    answer = await api.post(
        "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    )
    assert answer.status == 201, answer.text
    # Pods need it, and not every server has somebody who makes it.
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    answer = await api.post(f"/api/v1/namespaces/{name}/serviceaccounts", account)
    assert answer.status in (201, 409), answer.text
    return name


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    try:
        with running_backend() as backend:
            yield backend
    except NoAddress as error:
        pytest.skip(str(error))


@pytest.fixture
async def proxied(api: Api, namespace: str, backend: Backend) -> AsyncIterator[Proxied]:
    proxied = Proxied(api, namespace, backend)
    await proxied.make()
    yield proxied
    await api.send("DELETE", f"/api/v1/nodes/{proxied.node}")


async def _all_closed(sockets: list[socket.socket]) -> None:
    """Return when the transports have closed their sockets.

    A session does not wait for connections that it gave up earlier, such as those of WebSockets:
    in TLS these stay open until the server has said goodbye, too.
    """
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
    while any(each.fileno() >= 0 for each in sockets):
        await asyncio.sleep(0)


def _named(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
async def webhook(tmp_path: Path) -> AsyncIterator[ConversionWebhook]:
    """The webhook of one test."""
    async with serving_conversion(tmp_path) as webhook:
        yield webhook


@pytest.fixture
async def widgets(api: Api, webhook: ConversionWebhook, namespace: str) -> AsyncIterator[Widgets]:
    """Widgets that are stored in v1."""
    widgets = Widgets(api, webhook, namespace)
    await widgets.define()
    yield widgets
    webhook.open.set()
    webhook.answer = honest
    await api.send("DELETE", widgets.definition)
