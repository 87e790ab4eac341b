"""Many connections at once, and the server's metrics meanwhile."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.robustness.servers.http import Api, connect, read_head, request
from tests.server_process import ServerProcess
from tests.waiting import PATIENCE

#: How many connections of a kind there are; `make robustness` asks for more.
CONNECTIONS: Final = int(os.environ.get("ROBUSTNESS_CONNECTIONS", "100"))
#: The gauges of connections and of watches.
OPEN, WATCHES = "apiserver_open_connections", "apiserver_longrunning_watches"
MIB: Final = 1024 * 1024
_AT_ONCE: Final = 50
#: Closing sends a reset, so that whoever is there learns of it and nobody lingers.
_RESET: Final = struct.pack("ii", 1, 0)
_KIBIBYTE: Final = 1024

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def room_for(count: int, others: int = 500) -> int:
    """Let this process have so many connections; return how many the machine allows it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return count if hard == resource.RLIM_INFINITY else min(count, hard - others)


async def crowd(server: ServerProcess, count: int, path: str = "") -> list[Streams]:
    """Open so many connections, each with a watch of ``path`` if there is one."""
    api = Api.at(server.url)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def enter() -> Streams:
        async with turn:
            reader, writer = await connect(api.host, api.port)
            if path:
                writer.write(request("GET", path))
                assert (await read_head(reader)).status == 200
            return reader, writer

    return await asyncio.gather(*(enter() for _ in range(count)))


def leave(members: list[Streams], *, reset: bool = False) -> None:
    """Let everybody go, without a word of farewell."""
    for _, writer in members:
        if reset:
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
    members.clear()


async def gauge(api: Api, name: str) -> float:
    """Return what a server counts, on a connection that stays open: it may count those."""
    answer = await api.send("GET", "/metrics")
    lines = answer.body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


async def until(
    api: Api, name: str, is_right: Callable[[float], bool], timeout: float = PATIENCE
) -> float:
    """Wait until what a server counts is right; return it, or what it is in the end."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while not is_right(found := await gauge(api, name)) and loop.time() < deadline:
        await asyncio.sleep(0.01)
    return found


def memory_of(server: ServerProcess) -> float:
    """Return how much memory a server has of its own, in KiB."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return float(lines["RssAnon"].split()[0])


def files_of(server: ServerProcess) -> int:
    """Return how many files a server has open."""
    assert server.process is not None
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def descriptor_of(server: ServerProcess, writer: asyncio.StreamWriter) -> tuple[Path, str]:
    """Return the server's descriptor of a connection, and what it leads to while that is open."""
    assert server.process is not None
    raw: socket.socket = writer.get_extra_info("socket")
    ends = [f":{address[1]:04X}" for address in (raw.getpeername(), raw.getsockname())]
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
    inode = next(line[9] for line in lines if [line[1][-5:], line[2][-5:]] == ends)
    descriptors = Path(f"/proc/{server.process.pid}/fd").iterdir()
    opened = f"socket:[{inode}]"
    return next(each for each in descriptors if os.readlink(each) == opened), opened


@asynccontextmanager
async def raw_connection(server: ServerProcess, *, receives: int = 0) -> AsyncIterator[Streams]:
    """Yield a connection whose client takes in no more than so many bytes unless it reads."""
    api = Api.at(server.url)
    if not receives:
        reader, writer = await connect(api.host, api.port)
    else:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (api.host, api.port))
        reader, writer = await connect(api.host, api.port, raw, receives)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
