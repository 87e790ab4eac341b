"""A server whose etcd does not respond yet: it waits, logs that, and can be stopped."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.etcd_process import EtcdProcess, etcd_process
from tests.waiting import PATIENCE


@asynccontextmanager
async def waiting_server(
    directory: Path, etcd: EtcdProcess
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yield a server that has said that it waits for its etcd, which is down."""
    etcd.kill()
    flags = (f"--data-dir={directory}", "--secure-port=0", f"--etcd-servers={etcd.endpoint}")
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "apiserver", *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert server.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while (
                b"waiting for etcd: no connection to etcd at" not in await server.stderr.readline()
            ):
                assert not server.stderr.at_eof()
        yield server
    finally:
        if server.returncode is None:
            server.kill()
        await server.communicate()


async def test_a_server_waits_for_its_etcd(tmp_path: Path) -> None:
    with etcd_process() as etcd:
        async with waiting_server(tmp_path, etcd) as server, asyncio.timeout(PATIENCE):
            etcd.start()
            assert server.stdout is not None
            assert (await server.stdout.readline()).startswith(b"serving on https://")


async def test_a_server_that_waits_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with etcd_process() as etcd:
        async with waiting_server(tmp_path, etcd) as server, asyncio.timeout(PATIENCE):
            server.terminate()
            assert await server.wait() == 0
