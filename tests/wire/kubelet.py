"""A fake kubelet: TLS with a certificate of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from aiohttp import WSMsgType, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


class Kubelet:
    """Logs of two lines, commands that say everything back, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.port = 0

    async def logs(self, request: web.Request) -> web.StreamResponse:
        """Answer with a log, in two pieces."""
        self._note(request)
        if request.match_info["container"] == "broken":
            return web.Response(status=500, text="no such log")
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\n")
        await response.write(b"two\n")
        return response

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Say back what is said on a WebSocket."""
        self._note(request)
        socket = web.WebSocketResponse(protocols=["v5.channel.k8s.io"])
        await socket.prepare(request)
        async for message in socket:
            if message.type is not WSMsgType.BINARY or message.data == b"end":
                break
            await socket.send_bytes(b"said " + message.data)
        await socket.close()
        return socket

    async def anything(self, request: web.Request) -> web.StreamResponse:
        """Say what was asked."""
        self._note(request)
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        body = await request.text()
        return web.Response(text=f"{request.method} {request.path_qs} {body}".strip())

    def _note(self, request: web.Request) -> None:
        self.asked.append(request.path_qs)
        self.headers.append(dict(request.headers))


@asynccontextmanager
async def serving_kubelet(directory: Path) -> AsyncIterator[Kubelet]:
    """Serve a kubelet for as long as the block runs."""
    kubelet = Kubelet()
    application = web.Application()
    application.router.add_get("/containerLogs/{ns}/{pod}/{container}", kubelet.logs)
    application.router.add_get("/exec/{ns}/{pod}/{container}", kubelet.stream)
    application.router.add_get("/attach/{ns}/{pod}/{container}", kubelet.stream)
    application.router.add_get("/portForward/{ns}/{pod}", kubelet.stream)
    application.router.add_route("*", "/{rest:.*}", kubelet.anything)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0, ssl_context=certificate_context(directory))
    await site.start()
    kubelet.port = runner.addresses[0][1]
    try:
        yield kubelet
    finally:
        await cut_off(runner)


async def cut_off(runner: web.AppRunner) -> None:
    """Stop a server. Its connections are cut, not wound down: nobody would be left to do that."""
    for connection in runner.server.connections if runner.server else ():
        if connection.transport is not None:
            cast("asyncio.Transport", connection.transport).abort()
    await runner.cleanup()


@asynccontextmanager
async def serving_streams(
    directory: Path,
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Serve a kubelet that speaks whatever ``answer`` speaks, and yield its port."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(cast("asyncio.Task[None]", asyncio.current_task()))
        await answer(reader, writer)
        await closed(writer)

    server = await asyncio.start_server(serve, HOST, 0, ssl=certificate_context(directory))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*serving)
        await server.wait_closed()


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close a connection, and return when it is."""
    writer.close()
    with suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()


def certificate_context(directory: Path) -> ssl.SSLContext:
    """Return TLS for a server, with a new certificate of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubelet")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem = directory / "kubelet.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
