"""Requests to a real backend through the proxies of Services, Pods and Nodes."""

from __future__ import annotations

import asyncio
import gzip
import hashlib

import aiohttp
import pytest

from tests.waiting import PATIENCE, eventually
from tests.wire.backend import Backend
from tests.wire.conftest import Answer, Api
from tests.wire.proxied import Proxied

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ADMIN = {"Authorization": "Bearer admin-token"}


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


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "fe80::1"])
async def test_addresses_of_the_machine_itself_are_refused(
    api: Api, proxied: Proxied, address: str
) -> None:
    await proxied.place("p", address)
    answer = await api.get(f"{proxied.root}/pods/p/proxy/")
    assert (answer.status, answer.json["message"]) == (400, "address not allowed")
