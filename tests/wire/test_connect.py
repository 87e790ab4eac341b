"""Proxied responses: logs and commands of kubelets, and backends behind a proxy."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.waiting import PATIENCE
from tests.wire.conftest import Answer, Api
from tests.wire.kubelet import HOST, Kubelet, closed, serving_kubelet, serving_streams

CONTAINER = {"name": "c", "image": "i"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.fixture
async def kubelet(tmp_path: Path) -> AsyncIterator[Kubelet]:
    async with serving_kubelet(tmp_path) as kubelet:
        yield kubelet


@pytest.fixture
async def node(api: Api, kubelet: Kubelet) -> str:
    """The name of a node whose kubelet runs."""
    return await add_node(api, kubelet.port)


async def add_node(api: Api, port: int) -> str:
    name = f"node-{uuid.uuid4().hex[:8]}"
    status = {
        "addresses": [{"type": "InternalIP", "address": HOST}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    document = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status}
    answer = await api.post("/api/v1/nodes", document)
    assert answer.status == 201, answer.text
    return name


async def add_pod(api: Api, namespace: str, *names: str, **spec: Any) -> str:
    """Make a Pod of some containers, and return its path."""
    containers = [{**CONTAINER, "name": name} for name in names or ("c",)]
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": containers, **spec},
    }
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", document)
    assert answer.status == 201, answer.text
    return f"/api/v1/namespaces/{namespace}/pods/p"


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["message"]


# Without a kubelet


async def test_a_pod_without_a_node_has_no_log(api: Api, namespace: str) -> None:
    answer = await api.get(f"{await add_pod(api, namespace)}/log")
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("call", ["exec?command=ls&stdout=1", "attach?stdout=1", "portforward"])
async def test_a_pod_without_a_node_cannot_be_connected_to(
    api: Api, namespace: str, method: str, call: str
) -> None:
    pod = await add_pod(api, namespace)
    answer = await api.send(method, f"{pod}/{call}", headers=dict(UPGRADE))
    assert refusal(answer) == (400, "pod p does not have a host assigned")


@pytest.mark.parametrize("call", ["log", "exec", "attach"])
async def test_the_container_must_be_clear(api: Api, namespace: str, call: str) -> None:
    pod = await add_pod(api, namespace, "a", "b")
    assert refusal(await api.get(f"{pod}/{call}")) == (
        400,
        "a container name must be specified for pod p, choose one of: [a b]",
    )
    assert refusal(await api.get(f"{pod}/{call}?container=x")) == (
        400,
        "container x is not valid for pod p",
    )


async def test_options_are_looked_at_before_the_pod(api: Api, namespace: str) -> None:
    missing = f"/api/v1/namespaces/{namespace}/pods/missing"
    answer = await api.get(f"{missing}/log?tailLines=-1")
    assert refusal(answer) == (
        422,
        'PodLogOptions "missing" is invalid: tailLines: Invalid value: -1: '
        "must be greater than or equal to 0",
    )
    assert refusal(await api.get(f"{missing}/log")) == (404, 'pods "missing" not found')
    assert refusal(await api.get(f"{missing}/exec")) == (404, 'pods "missing" not found')


async def test_a_node_that_nobody_knows_is_not_found(api: Api, namespace: str) -> None:
    pod = await add_pod(api, namespace, nodeName="nowhere")
    for call in ("log", "exec", "portforward"):
        assert refusal(await api.get(f"{pod}/{call}")) == (404, 'pods "nowhere" not found')


async def test_a_kubelet_that_does_not_answer_is_told_of(api: Api, namespace: str) -> None:
    # Nobody listens on a port that was just given back.
    server = await asyncio.start_server(lambda reader, writer: None, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    pod = await add_pod(api, namespace, nodeName=await add_node(api, port))
    refused = f"dial tcp {HOST}:{port}: connect: connection refused"
    url = f"https://{HOST}:{port}/containerLogs/{namespace}/p/c"
    assert refusal(await api.get(f"{pod}/log")) == (500, f'Get "{url}": {refused}')
    answer = await api.send("GET", f"{pod}/exec?command=ls", headers=dict(UPGRADE))
    assert refusal(answer) == (500, f"error dialing backend: {refused}")


# With a kubelet


async def test_a_log_comes_from_the_kubelet(
    api: Api, namespace: str, kubelet: Kubelet, node: str
) -> None:
    pod = await add_pod(api, namespace, "c", "d", nodeName=node)
    answer = await api.get(f"{pod}/log?container=d&tailLines=5&follow=true&previous=false")
    assert (answer.status, answer.body) == (200, b"one\ntwo\n")
    assert answer.headers["Content-Type"] == "text/plain"
    assert kubelet.asked == [f"/containerLogs/{namespace}/p/d?follow=true&tailLines=5"]
    assert "Authorization" not in kubelet.headers[0]


async def test_a_log_that_the_kubelet_does_not_have_is_an_error(
    api: Api, namespace: str, node: str
) -> None:
    pod = await add_pod(api, namespace, "broken", nodeName=node)
    assert refusal(await api.get(f"{pod}/log")) == (500, "Internal error occurred: no such log")


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        ("exec?command=a&command=b&stdin=true&tty=0", "?input=1&command=a&command=b"),
        ("attach?stderr=true", "?error=1"),
        ("portforward?ports=80,81&ports=082", "?port=80%2C81%2C82"),
    ],
)  # fmt: skip
async def test_a_connection_is_passed_through(
    api: Api, namespace: str, kubelet: Kubelet, node: str, call: str, asked: str
) -> None:
    pod = await add_pod(api, namespace, nodeName=node)
    async with api.session.ws_connect(
        f"{api.url}{pod}/{call}",
        protocols=["v5.channel.k8s.io"],
        headers={"Authorization": "Bearer admin-token"},
    ) as socket:
        assert socket.protocol == "v5.channel.k8s.io"
        for word in (b"hello", b"x" * 200_000):
            await socket.send_bytes(word)
            assert await socket.receive_bytes() == b"said " + word
        await socket.send_bytes(b"end")
        assert (await socket.receive()).data == 1000
    assert kubelet.asked[0].endswith(asked)
    assert "Authorization" not in kubelet.headers[0]


@pytest.mark.parametrize(
    ("ports", "problem"),
    [
        ("80,x", 'parsing "x": invalid syntax'),
        ("80&ports=", 'parsing "": invalid syntax'),
        ("-1", 'parsing "-1": invalid syntax'),
        ("65536", 'parsing "65536": value out of range'),
        ("9" * 5000, f'parsing "{"9" * 5000}": value out of range'),
    ],
)
async def test_ports_are_numbers(api: Api, namespace: str, ports: str, problem: str) -> None:
    answer = await api.get(f"/api/v1/namespaces/{namespace}/pods/p/portforward?ports={ports}")
    assert refusal(answer) == (400, f"cannot convert to []int32: strconv.ParseUint: {problem}")


async def test_any_protocol_is_passed_through_as_it_is(
    api: Api,
    namespace: str,
    address: tuple[str, int],
    trusting: ssl.SSLContext,
    tmp_path: Path,
) -> None:
    """SPDY is not HTTP: after the answer to its request, nothing of it may be read as such."""
    taken = asyncio.get_running_loop().create_future()

    async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\n\r\n\x80\x03")
        writer.write((await reader.readexactly(4))[::-1])
        await writer.drain()

    async with serving_streams(tmp_path, backend) as port:
        pod = await add_pod(api, namespace, nodeName=await add_node(api, port))
        reader, writer = await asyncio.open_connection(*address, ssl=trusting)
        head = (
            f"POST {pod}/exec?command=ls&stdout=1 HTTP/1.1\r\nHost: x\r\n"
            "Authorization: Bearer admin-token\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
        )
        writer.write(head.encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        writer.write(b"\x00GE\x01")
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b"\x80\x03\x01EG\x00"
        await closed(writer)
    request = (await taken).decode()
    assert request.startswith(f"POST /exec/{namespace}/p/c?output=1&command=ls HTTP/1.1\r\n")
    assert "Authorization" not in request


async def test_a_log_that_breaks_off_is_not_taken_for_a_whole_one(
    api: Api, namespace: str, tmp_path: Path
) -> None:
    async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async with serving_streams(tmp_path, backend) as port:
        pod = await add_pod(api, namespace, nodeName=await add_node(api, port))
        with pytest.raises(aiohttp.ClientError):
            await api.get(f"{pod}/log")


async def test_connecting_takes_an_upgrade(api: Api, namespace: str, node: str) -> None:
    pod = await add_pod(api, namespace, nodeName=node)
    for call in ("exec", "attach", "portforward"):
        assert refusal(await api.get(f"{pod}/{call}")) == (400, "Upgrade request required")


async def test_a_node_answers_through_its_proxy(api: Api, kubelet: Kubelet, node: str) -> None:
    root = f"/api/v1/nodes/{node}/proxy"
    answer = await api.get(f"{root}/a%20b?c=d")
    assert (answer.status, answer.text) == (200, "GET /a%20b?c=d")
    written = await api.send("PUT", f"{root}/x/", b"body", {"Content-Type": "text/plain"})
    assert written.text == "PUT /x/ body"
    headers = kubelet.headers[1]
    assert "Authorization" not in headers
    assert headers["X-Forwarded-Uri"] == f"{root}/x/"
    by_port = await api.get(f"/api/v1/nodes/{node}:{kubelet.port}/proxy/")
    assert by_port.text == "GET /"


async def test_what_is_proxied_stays_below_the_proxy(api: Api, node: str) -> None:
    root = f"/api/v1/nodes/{node}/proxy"
    async with api.session.get(
        f"{api.url}{root}/moved",
        headers={"Authorization": "Bearer admin-token"},
        allow_redirects=False,
    ) as response:
        assert (response.status, response.headers["Location"]) == (302, f"{root}/elsewhere")
    async with api.session.get(
        f"{api.url}{root}?a=b",
        headers={"Authorization": "Bearer admin-token"},
        allow_redirects=False,
    ) as response:
        assert (response.status, response.headers["Location"]) == (301, f"{root}/?a=b")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("pods/ftp:p:80/proxy/", 400, 'invalid pod request "ftp:p:80"'),
        ("pods/p/proxy/", 400, "address not allowed"),
        ("pods/missing/proxy/", 404, 'pods "missing" not found'),
        ("pods/p/proxy/?dryRun=All", 400, "dryRun is not supported"),
        ("services/a:b:c:d/proxy/", 400, 'invalid service request "a:b:c:d"'),
        ("services/missing/proxy/", 404, 'services "missing" not found'),
    ],
)
async def test_what_cannot_be_proxied_is_refused(
    api: Api, namespace: str, path: str, status: int, message: str
) -> None:
    await add_pod(api, namespace)
    answer = await api.get(f"/api/v1/namespaces/{namespace}/{path}")
    assert refusal(answer) == (status, message)


async def test_a_service_leads_to_pods_alone(api: Api, namespace: str) -> None:
    root = f"/api/v1/namespaces/{namespace}"
    ports = [{"name": "http", "port": 80}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    await api.post(f"{root}/services", {**service, "spec": {"ports": ports}})
    subset = {"addresses": [{"ip": "10.1.2.3"}], "ports": ports}
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "s"}}
    answer = await api.post(f"{root}/endpoints", {**endpoints, "subsets": [subset]})
    assert answer.status == 201, answer.text
    assert refusal(await api.get(f"{root}/services/s:80/proxy/")) == (
        503,
        'no endpoints available for service "s:80"',
    )
    assert refusal(await api.get(f"{root}/services/s:81/proxy/")) == (
        503,
        'no service port 81 found for service "s"',
    )
