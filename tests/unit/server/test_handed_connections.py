"""The connections of a worker, over a channel whose other end the test has."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
import uvloop

from apiserver.server import handed_connections
from apiserver.server.handed_connections import HandedConnections
from apiserver.server.pki import CertificateNames, load_or_create_identity
from apiserver.server.tls import tls_context
from apiserver.server.worker_channel import ACCEPTS, REFUSES, WorkerChannel
from tests.waiting import FOR_EVER, eventually


class Worker:
    """A worker that serves with one protocol, and its parent."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self.channel = WorkerChannel()
        self.made: list[asyncio.Transport] = []
        self.parent_ended = asyncio.Event()
        # The parent keeps the worker's end, so the worker has a copy, as after a fork.
        self.handed = HandedConnections(
            self.channel.worker_end.dup(), self.channel.counts, 1, self.parent_ended.set
        )

    async def open(self) -> None:
        made = self.made

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                made.append(cast("asyncio.Transport", transport))

        await self.handed.open(Protocol, self._tls)
        assert self.said() == ACCEPTS

    def said(self) -> bytes:
        try:
            return self.channel.parent_end.recv(64)
        except BlockingIOError:
            return b""

    def accepted(self) -> socket.socket:
        """Return a client whose connection has been handed to the worker."""
        with closing(socket.create_server(("127.0.0.1", 0))) as listener:
            client = socket.create_connection(listener.getsockname())
            connection, _ = listener.accept()
        with connection:
            self.channel.hand_over(connection)
        return client

    async def connect(self) -> asyncio.StreamWriter:
        """Return a client that has agreed on TLS with the worker."""
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        accepted = self.accepted()
        accepted.settimeout(0)
        _, writer = await asyncio.open_connection(sock=accepted, ssl=client, server_hostname="")
        return writer

    async def closed(self) -> None:
        """Wait until the worker has counted the end of every connection."""
        await eventually(lambda: not self.channel.waiting and not self.channel.open_connections)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    directory: Path = tmp_path_factory.mktemp("identity")
    return tls_context(load_or_create_identity(directory, CertificateNames(["a"]), None), [])


@pytest.fixture(params=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    factory = uvloop.new_event_loop if request.param == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        yield runner


def test_every_connection_is_counted_once(runner: asyncio.Runner, tls: ssl.SSLContext) -> None:
    """Whether TLS begins or not, and whoever closes."""

    async def serve() -> None:
        worker = Worker(tls)
        with worker.handed:
            await worker.open()
            writers = [await worker.connect() for _ in range(2)]
            rubbish, silent = worker.accepted(), worker.accepted()
            rubbish.sendall(b"GET / HTTP/1.1\r\n\r\n")
            await eventually(lambda: worker.channel.open_connections == 3)
            silent.close()
            await eventually(lambda: worker.channel.open_connections == 2)
            assert len(worker.made) == 2
            writers[0].close()
            worker.made[1].abort()
            await worker.closed()
            writers[1].close()
            rubbish.close()
        worker.channel.close()

    runner.run(serve())


async def test_a_question_is_answered(tls: ssl.SSLContext) -> None:
    worker = Worker(tls)
    with worker.handed:
        await worker.open()
        worker.channel.ask()
        await eventually(lambda: worker.said() == ACCEPTS)
        assert (worker.channel.waiting, worker.channel.open_connections) == (0, 0)
    worker.channel.close()


async def test_before_descriptors_run_out_connections_are_left_to_others(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handed_connections, "_RESERVED", 1 << 60)
    monkeypatch.setattr(handed_connections, "_PAUSE_SECONDS", 0.0)
    worker = Worker(tls)
    with worker.handed:
        await worker.open()
        writer = await worker.connect()
        await eventually(lambda: worker.said().startswith(REFUSES))
        later = await worker.connect()
        await eventually(lambda: len(worker.made) == 2)
        writer.close()
        later.close()
        await worker.closed()
    worker.channel.close()


async def test_a_stop_leaves_no_handshake_half_done(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handed_connections, "_HANDSHAKE_SECONDS", FOR_EVER)
    worker = Worker(tls)
    with worker.handed:
        await worker.open()
        connecting = asyncio.create_task(worker.connect())
        await eventually(lambda: worker.channel.received)
        await worker.handed.stop()
        assert worker.said() == REFUSES
        assert len(worker.made) == 1
        (await connecting).close()
        late = worker.accepted()
        (back,) = worker.channel.take_back()
        back.close()
        late.close()
        await worker.closed()
    worker.channel.close()


async def test_a_worker_notices_the_end_of_its_parent(tls: ssl.SSLContext) -> None:
    worker = Worker(tls)
    with worker.handed:
        worker.channel.close()
        await worker.parent_ended.wait()
