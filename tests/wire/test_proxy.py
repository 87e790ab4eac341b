"""Requests to a real backend through the proxies of Services, Pods and Nodes."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.server_process import running_server
from tests.waiting import PATIENCE, eventually
from tests.wire.backend import PIECE, Backend, NoAddress, running_backend
from tests.wire.conftest import Answer, Api

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ADMIN = {"Authorization": "Bearer admin-token"}
MANY = 1600  # pieces, which are 100 MiB


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    try:
        with running_backend() as backend:
            yield backend
    except NoAddress as error:
        pytest.skip(str(error))


class Proxied:
    """A Pod, a Node and a Service that are the same backend."""

    def __init__(self, api: Api, namespace: str, backend: Backend) -> None:
        self.api = api
        self.root = f"/api/v1/namespaces/{namespace}"
        self.backend = backend
        self.node = f"node-{uuid.uuid4().hex[:8]}"

    async def make(self) -> None:
        """Make them all."""
        addresses = [{"type": "InternalIP", "address": self.backend.address}]
        node = {"metadata": {"name": self.node}, "status": {"addresses": addresses}}
        await self.post("/api/v1/nodes", "Node", node)
        ports = [{"name": "http", "containerPort": self.backend.port}]
        containers = [{"name": "c", "image": "i", "ports": ports}]
        pod = {"metadata": {"name": "p"}, "spec": {"containers": containers}}
        await self.post(f"{self.root}/pods", "Pod", pod)
        await self.place("p", self.backend.address)
        await self.serve("s", self.backend.port, "p")

    async def place(self, pod: str, address: str) -> None:
        """Give a Pod an address."""
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
        status["conditions"] = [{"type": "Ready", "status": "True"}]
        answer = await self.api.send(
            "PATCH",
            f"{self.root}/pods/{pod}/status",
            {"status": status},
            {"Content-Type": "application/merge-patch+json"},
        )
        assert answer.status == 200, answer.text

    async def serve(self, name: str, port: int, pod: str, ready: bool = True) -> None:
        """Make a Service whose endpoints are written by hand."""
        ports = [{"name": "http", "port": 80}, {"name": "tls", "port": 443}]
        await self.post(
            f"{self.root}/services",
            "Service",
            {"metadata": {"name": name}, "spec": {"ports": ports}},
        )
        target = {"kind": "Pod", "name": pod, "namespace": self.root.rpartition("/")[2]}
        subset = {
            "addresses" if ready else "notReadyAddresses": [
                {"ip": self.backend.address, "targetRef": target}
            ],
            "ports": [
                {"name": "http", "port": port},
                {"name": "tls", "port": self.backend.tls_port},
            ],
        }
        document = {"metadata": {"name": name}, "subsets": [subset]}
        await self.post(f"{self.root}/endpoints", "Endpoints", document)

    async def post(self, path: str, kind: str, document: Any) -> None:
        """Create an object."""
        answer = await self.api.post(path, {"apiVersion": "v1", "kind": kind, **document})
        assert answer.status == 201, answer.text

    def service(self, path: str = "", name: str = "s:http") -> str:
        """Return the path of the proxy of a Service."""
        return f"{self.root}/services/{name}/proxy{path}"

    def path_of(self, kind: str) -> str:
        """Return the path of a proxy."""
        return {
            "services": self.service(),
            "pods": f"{self.root}/pods/p/proxy",
            "nodes": f"/api/v1/nodes/{self.node}:{self.backend.port}/proxy",
        }[kind]


@pytest.fixture
async def proxied(api: Api, namespace: str, backend: Backend) -> AsyncIterator[Proxied]:
    proxied = Proxied(api, namespace, backend)
    await proxied.make()
    yield proxied
    await api.send("DELETE", f"/api/v1/nodes/{proxied.node}")


def headers_of(answer: Answer) -> dict[str, str]:
    """Return the headers that the backend was sent, by name in lower case."""
    return {name.lower(): value for name, value in answer.json["headers"]}


@pytest.mark.parametrize("kind", ["services", "pods", "nodes"])
@pytest.mark.parametrize("method", METHODS)
async def test_every_method_reaches_the_backend(
    api: Api, proxied: Proxied, kind: str, method: str
) -> None:
    body = b"some content" if method not in ("GET", "HEAD") else None
    path = f"{proxied.path_of(kind)}/a%20b/c%2Fd/?e=f&e=%20&g"
    answer = await api.send(method, path, body)
    assert (answer.status, answer.headers["X-Method"]) == (200, method)
    if method == "HEAD":
        assert answer.body == b""
        return
    assert answer.json["target"] == "/a%20b/c%2Fd/?e=f&e=%20&g"
    assert answer.json["sha256"] == hashlib.sha256(body or b"").hexdigest()


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("s:http", 200),
        ("s:80", 200),
        ("http:s:80", 200),
        (":s:http", 200),
        ("https:s:tls", 200),
        ("https:s:443", 200),
        # Its only port without a name would be meant.
        ("s", 503),
        ("s:other", 503),
        ("s:81", 503),
        ("ftp:s:80", 400),
    ],
)
async def test_ports_have_names_and_numbers(
    api: Api, proxied: Proxied, name: str, status: int
) -> None:
    assert (await api.get(proxied.service("/", name))).status == status


@pytest.mark.parametrize(
    ("name", "status"),
    [("p", 200), ("p:{port}", 200), ("http:p:{port}", 200), ("https:p:{tls}", 200)],
)
async def test_ports_of_pods_are_numbers(
    api: Api, proxied: Proxied, backend: Backend, name: str, status: int
) -> None:
    named = name.format(port=backend.port, tls=backend.tls_port)
    assert (await api.get(f"{proxied.root}/pods/{named}/proxy/")).status == status


async def test_a_service_leads_to_the_pods_that_it_selects(api: Api, proxied: Proxied) -> None:
    spec = {
        "selector": {"app": "web"},
        "ports": [{"port": 80, "targetPort": proxied.backend.port}],
    }
    await proxied.post(
        f"{proxied.root}/services", "Service", {"metadata": {"name": "web"}, "spec": spec}
    )
    metadata = {"name": "web", "labels": {"app": "web"}}
    containers = [{"name": "c", "image": "i"}]
    pod = {"metadata": metadata, "spec": {"nodeName": proxied.node, "containers": containers}}
    await proxied.post(f"{proxied.root}/pods", "Pod", pod)
    await proxied.place("web", proxied.backend.address)

    async def reached() -> bool:
        return (await api.get(proxied.service("/x", "web"))).status == 200

    await eventually(reached)
    answer = await api.send("DELETE", f"{proxied.root}/pods/web?gracePeriodSeconds=0")
    assert answer.status == 200, answer.text

    async def gone() -> bool:
        return (await api.get(proxied.service("/x", "web"))).status == 503

    await eventually(gone)


async def test_what_is_confidential_is_not_forwarded(api: Api, proxied: Proxied) -> None:
    given = {
        "Connection": "close, X-Single",
        "X-Single": "1",
        "Keep-Alive": "timeout=5",
        "Proxy-Authorization": "Basic x",
        "TE": "trailers",
        "X-Forwarded-For": "10.9.8.7",
        "X-Custom": "kept",
        "Cookie": "a=b",
    }
    answer = await api.send("GET", proxied.service("/"), headers=given)
    headers = headers_of(answer)
    assert {*headers} == {
        *("host", "user-agent", "x-custom", "cookie"),
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-uri"),
    }
    assert headers["host"] == api.url.removeprefix("https://")
    assert headers["x-forwarded-for"].startswith("10.9.8.7, ")
    assert headers["x-forwarded-uri"] == proxied.service("/")
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("/elsewhere?a=b", "{prefix}/elsewhere?a=b"),
        ("http://{backend}/there/", "{prefix}/there/"),
        ("{url}/there", "{url}{prefix}/there"),
        ("{prefix}/already", "{prefix}/already"),
        ("https://example.com/x", "https://example.com/x"),
        ("relative", "relative"),
    ],
)
async def test_redirects_lead_through_the_proxy(
    api: Api, proxied: Proxied, to: str, location: str
) -> None:
    known = {
        "prefix": proxied.service(),
        "backend": f"{proxied.backend.address}:{proxied.backend.port}",
        "url": api.url,
    }
    query = {"to": to.format(**known)}
    async with api.session.get(
        api.url + proxied.service("/moved"), params=query, headers=ADMIN, allow_redirects=False
    ) as response:
        assert (response.status, response.headers["Location"]) == (302, location.format(**known))


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_links_lead_through_the_proxy(api: Api, proxied: Proxied, encoding: str) -> None:
    answer = await api.send("GET", proxied.service("/page"), headers={"Accept-Encoding": encoding})
    assert answer.headers.get("Content-Encoding", "") == encoding
    page = gzip.decompress(answer.body) if encoding else answer.body
    prefix = proxied.service()
    assert page.decode() == (
        f'<html><body><a href="{prefix}/next">n</a><img src="pic.png">'
        f'<script src="{prefix}/s.js"></script></body></html>'
    )
    assert (await api.send("HEAD", proxied.service("/page"))).status == 200


async def test_dots_do_not_leave_the_backend(api: Api, proxied: Proxied) -> None:
    """Only a client that does not tidy its paths sends such requests."""
    host, _, port = api.url.removeprefix("https://").rpartition(":")
    connector = api.session.connector
    assert isinstance(connector, aiohttp.TCPConnector)
    reader, writer = await asyncio.open_connection(host, int(port), ssl=connector._ssl)
    target = proxied.service("/a/../../%2e%2e/b/?c=..")
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    writer.write(f"{head}Authorization: Bearer admin-token\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    await writer.wait_closed()
    assert b'"target": "/b/?c=.."' in answer


async def test_websockets_pass(api: Api, proxied: Proxied) -> None:
    async with api.session.ws_connect(
        api.url + proxied.service("/talk"), headers=ADMIN, max_msg_size=0
    ) as connection:
        for word in (b"hello", b"x" * 5_000_000, b""):
            await connection.send_bytes(word)
            assert await connection.receive_bytes() == word


async def test_what_is_sent_at_once_with_an_upgrade_arrives(api: Api, proxied: Proxied) -> None:
    connector = api.session.connector
    assert isinstance(connector, aiohttp.TCPConnector)
    host, _, port = api.url.removeprefix("https://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=connector._ssl)
    frame = b"\x82\x85\x00\x00\x00\x00hello"
    head = (
        f"GET {proxied.service('/talk')} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer admin-token\r\n\r\n"
    )
    writer.write(head.encode() + frame)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    assert await asyncio.wait_for(reader.readexactly(7), PATIENCE) == b"\x82\x05hello"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/echo", 500, '"invalid upgrade response: status code 200"'),
        ("/refused", 403, "not for you"),
        ("/cut", 500, '"error dialing backend: unexpected EOF"'),
    ],
)
async def test_an_upgrade_may_be_refused(
    api: Api, proxied: Proxied, path: str, status: int, text: str
) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    answer = await api.send("GET", proxied.service(path), headers=upgrade)
    assert answer.status == status
    assert text in answer.text
    assert (await api.get("/readyz")).status == 200


async def test_a_backend_that_fails_is_unavailable(
    api: Api, proxied: Proxied, backend: Backend
) -> None:
    def refusal(answer: Answer) -> tuple[int, str, str]:
        return answer.status, answer.json["reason"], answer.json["message"]

    unavailable = (503, "ServiceUnavailable")
    assert refusal(await api.get(proxied.service("/cut"))) == (
        *unavailable,
        "error trying to reach service: EOF",
    )
    await proxied.serve("closed", 9, "p")
    assert refusal(await api.get(proxied.service("/", "closed:http"))) == (
        *unavailable,
        f"error trying to reach service: dial tcp {backend.address}:9: connect: connection refused",
    )
    await proxied.serve("unready", backend.port, "p", ready=False)
    assert refusal(await api.get(proxied.service("/", "unready:http"))) == (
        *unavailable,
        'no endpoints available for service "unready:http"',
    )
    await proxied.serve("foreign", backend.port, "missing")
    assert refusal(await api.get(proxied.service("/", "foreign:http"))) == (
        *unavailable,
        'no endpoints available for service "foreign:http"',
    )


async def test_a_client_that_waits_is_told_to_send_its_content(api: Api, proxied: Proxied) -> None:
    host, _, port = api.url.removeprefix("https://").rpartition(":")
    connector = api.session.connector
    assert isinstance(connector, aiohttp.TCPConnector)
    reader, writer = await asyncio.open_connection(host, int(port), ssl=connector._ssl)
    head = (
        f"PUT {proxied.service('/x')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Content-Length: 4\r\nExpect: 100-continue\r\nAuthorization: Bearer admin-token\r\n\r\n"
    )
    writer.write(head.encode())
    told = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"what")
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"size": 4' in answer


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_backend_is_not_asked_for_a_client_that_has_left(
    api: Api, proxied: Proxied, method: str
) -> None:
    async def waiting() -> str:
        return (await api.get(proxied.service("/waiting"))).text

    async def one_waits() -> bool:
        return await waiting() == "1"

    async def none_waits() -> bool:
        return await waiting() == "0"

    asking = asyncio.create_task(api.send(method, proxied.service("/wait")))
    await eventually(one_waits)
    asking.cancel()
    await eventually(none_waits)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "fe80::1"])
async def test_addresses_of_the_machine_itself_are_refused(
    api: Api, proxied: Proxied, address: str
) -> None:
    await proxied.place("p", address)
    answer = await api.get(f"{proxied.root}/pods/p/proxy/")
    assert (answer.status, answer.json["message"]) == (400, "address not allowed")


async def test_large_content_passes_in_constant_memory(
    tmp_path: Path, backend: Backend, trusting: Any
) -> None:
    with running_server(tmp_path, "--storage=memory://") as server:
        assert server.process is not None
        connector = aiohttp.TCPConnector(ssl=trusting)
        async with aiohttp.ClientSession(connector=connector) as session:
            api = Api(session, server.url, "admin-token")
            account = {"apiVersion": "v1", "kind": "ServiceAccount"}
            document = {**account, "metadata": {"name": "default"}}
            await api.post("/api/v1/namespaces/default/serviceaccounts", document)
            proxied = Proxied(api, "default", backend)
            await proxied.make()
            await api.get(proxied.service("/many?pieces=20"))
            before = resident(server.process.pid)

            async def pieces() -> AsyncIterator[bytes]:
                for _ in range(MANY):
                    yield PIECE

            async with session.put(
                server.url + proxied.service("/echo"), data=pieces(), headers=ADMIN
            ) as response:
                assert (await response.json())["size"] == MANY * len(PIECE)
            got = 0
            async with session.get(
                server.url + proxied.service(f"/many?pieces={MANY}"), headers=ADMIN
            ) as response:
                async for piece in response.content.iter_any():
                    got += len(piece)
            assert got == MANY * len(PIECE)
            assert resident(server.process.pid) - before < 32 << 20


def resident(pid: int) -> int:
    """Return the largest memory that a process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
