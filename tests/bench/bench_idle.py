"""What an idle connection and an idle watch cost in memory, TLS included, and what remains of it.

Run as a program: ``python -m tests.bench.bench_idle [N]`` opens N and 2N of each (1,000 if not
said) and prints KB of resident memory of the server for each. What is left after all have ended is
memory that does not come back.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.server_process import ServerProcess, running_server

AT_ONCE = 50
SETTLED_SECONDS = 4.0
REQUEST = "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin-token\r\n\r\n"
CONNECTION = "/version"
WATCH = "/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=3000&resourceVersion=1"


class Clients:
    """Connections on which one request has been answered, or begun to be."""

    def __init__(self, server: ServerProcess, path: str) -> None:
        self._port = int(server.url.rpartition(":")[2])
        self._request = REQUEST.format(path=path).encode()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE
        self._open: list[asyncio.StreamWriter] = []

    async def open_until(self, count: int) -> None:
        """Open more until there are ``count``."""
        while len(self._open) < count:
            few = min(AT_ONCE, count - len(self._open))
            self._open += await asyncio.gather(*(self._connect() for _ in range(few)))

    async def close(self) -> None:
        """Close all."""
        for writer in self._open:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
        self._open.clear()

    async def _connect(self) -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)
        writer.write(self._request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 OK" in head.partition(b"\r\n")[0], head
        return writer


def resident(server: ServerProcess) -> float:
    """Return the resident memory of a server in KB."""
    assert server.process is not None
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return float(text.partition("VmRSS:")[2].split()[0])


async def measure(server: ServerProcess, name: str, path: str, count: int) -> None:
    """Print the cost of one client of a path, and what is left when all have gone."""
    clients = Clients(server, path)
    await clients.open_until(count // 10)
    await clients.close()
    await asyncio.sleep(SETTLED_SECONDS)
    before = resident(server)
    await clients.open_until(count)
    await asyncio.sleep(SETTLED_SECONDS)
    half = resident(server)
    await clients.open_until(2 * count)
    await asyncio.sleep(SETTLED_SECONDS)
    full = resident(server)
    await clients.close()
    await asyncio.sleep(2 * SETTLED_SECONDS)
    after = resident(server)
    print(
        f"{name}: {(half - before) / count:.1f} KB each of {count}, {(full - half) / count:.1f} KB "
        f"each of {count} more; {before / 1024:.0f} MB before, {full / 1024:.0f} MB with all, "
        f"{after / 1024:.0f} MB after"
    )


async def run(count: int) -> None:
    """Measure connections, then watches, each on a server of its own."""
    for name, path in (("idle connection", CONNECTION), ("idle watch", WATCH)):
        with (
            tempfile.TemporaryDirectory() as directory,
            running_server(Path(directory), "--storage=memory://", module="apiserver") as server,
        ):
            await measure(server, name, path, count)


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
