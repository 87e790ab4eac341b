"""A web server behind a proxy: it echoes requests, sends links, and whatever else tests need.

``python backend.py ADDRESS`` serves HTTP and, with a certificate of its own, HTTPS. It writes both
ports in one line, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import ipaddress
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import WSMsgType, web

from tests.wire.kubelet import certificate_context

PAGE = (
    '<html><body><a href="/next">n</a><img src=pic.png><script src="/s.js"></script></body></html>'
)
PIECE = bytes(range(256)) * 256
_ROOT = Path(__file__).parents[2]
_waiting: set[int] = set()


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a backend listens."""

    address: str
    port: int
    tls_port: int


class NoAddress(Exception):
    """This machine has no address that a proxy would forward to; the message says why."""


@contextmanager
def running_backend() -> Iterator[Backend]:
    """Run a backend in a network namespace, where that is allowed, else on this machine's address.

    Raises NoAddress. Requests are not forwarded to loopback addresses, so those do not do.
    """
    try:
        with _network_namespace() as (command, address):
            yield from _served(command, address)
    except PermissionError:
        yield from _served([], _own_address())


def _served(command: list[str], address: str) -> Iterator[Backend]:
    with subprocess.Popen(
        [*command, sys.executable, "-m", "tests.wire.backend", address],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        ports = process.stdout.readline().split()
        assert len(ports) == 2, "the backend did not start"
        yield Backend(address, int(ports[0]), int(ports[1]))


@contextmanager
def _network_namespace() -> Iterator[tuple[list[str], str]]:
    """Yield a command that runs others in a new namespace, and its address there."""
    ip = shutil.which("ip")
    if ip is None or os.geteuid() != 0:
        raise PermissionError("network namespaces take iproute2 and root")
    name = f"backend-{os.getpid()}"
    # Of the addresses for benchmarks (RFC 2544), which are nobody's.
    network = ipaddress.ip_network((0xC6120000 + random.randrange(1 << 15) * 4, 30))
    ours, theirs = map(str, network.hosts())
    here, there = f"b{os.getpid()}", f"c{os.getpid()}"

    def run(*arguments: str) -> None:
        done = subprocess.run([ip, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PermissionError(done.stderr)

    run("netns", "add", name)
    try:
        run("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        run("addr", "add", f"{ours}/30", "dev", here)
        run("link", "set", here, "up")
        run("-n", name, "addr", "add", f"{theirs}/30", "dev", there)
        run("-n", name, "link", "set", there, "up")
        yield [ip, "netns", "exec", name], theirs
    finally:
        # The link goes with one of its ends.
        subprocess.run([ip, "netns", "del", name], check=False)


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent.
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            raise NoAddress("no network namespace, and no route from this machine") from error
        address = str(probe.getsockname()[0])
    if ipaddress.ip_address(address).is_loopback:
        raise NoAddress("no network namespace, and no address but loopback")
    return address


async def echo(request: web.Request) -> web.Response:
    """Say what was asked."""
    digest, size = hashlib.sha256(), 0
    async for piece in request.content.iter_any():
        digest.update(piece)
        size += len(piece)
    said = {
        "method": request.method,
        "target": request.raw_path,
        "headers": [list(pair) for pair in request.headers.items()],
        "size": size,
        "sha256": digest.hexdigest(),
    }
    return web.Response(
        text=json.dumps(said),
        content_type="application/json",
        headers={"X-Method": request.method, "Access-Control-Allow-Origin": "*"},
    )


async def many(request: web.Request) -> web.StreamResponse:
    """Send as many pieces as asked for."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(int(request.query["pieces"])):
        await response.write(PIECE)
    return response


async def page(request: web.Request) -> web.Response:
    """Send HTML, compressed if the client can read that."""
    headers = {"Content-Type": "text/html; charset=utf-8"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=gzip.compress(PAGE.encode()), headers=headers)
    return web.Response(body=PAGE.encode(), headers=headers)


async def moved(request: web.Request) -> web.Response:
    """Send the client somewhere else."""
    return web.Response(status=302, headers={"Location": request.query["to"]})


async def talk(request: web.Request) -> web.StreamResponse:
    """Say back what is said on a WebSocket."""
    connection = web.WebSocketResponse(max_msg_size=0)
    await connection.prepare(request)
    async for message in connection:
        if message.type is WSMsgType.BINARY:
            await connection.send_bytes(message.data)
    return connection


async def refused(_: web.Request) -> web.Response:
    """Answer with the status that was asked for."""
    raise web.HTTPForbidden(text="not for you")


async def cut(request: web.Request) -> web.Response:
    """End the connection without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def wait(request: web.Request) -> web.Response:
    """Answer nothing as long as the client waits."""
    _waiting.add(id(request))
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(0.01)
    _waiting.discard(id(request))
    return web.Response()


async def waiting(_: web.Request) -> web.Response:
    """Say how many clients wait."""
    return web.Response(text=str(len(_waiting)))


async def _serve(address: str) -> None:
    application = web.Application(client_max_size=1 << 40)
    application.router.add_get("/many", many)
    application.router.add_get("/page", page)
    application.router.add_get("/moved", moved)
    application.router.add_get("/talk", talk)
    application.router.add_get("/refused", refused)
    application.router.add_get("/cut", cut)
    application.router.add_route("*", "/wait", wait)
    application.router.add_get("/waiting", waiting)
    application.router.add_route("*", "/{rest:.*}", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    with tempfile.TemporaryDirectory() as directory:
        secure = certificate_context(Path(directory))
    sites = [
        web.TCPSite(runner, address, 0, ssl_context=context, shutdown_timeout=0)
        for context in (None, secure)
    ]
    for site in sites:
        await site.start()
    sys.stdout.write(" ".join(str(name[1]) for name in runner.addresses) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
