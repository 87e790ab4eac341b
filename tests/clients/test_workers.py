"""Several workers of one server: how they share connections, and what happens when one ends."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

import pytest

from storage.open import open_store
from tests.clients.https import ADMIN, connect, get
from tests.server_process import ServerProcess, running_server
from tests.waiting import wait_until
from tests.worker_processes import (
    clients_of_workers,
    open_files,
    pids_of_workers,
    pids_that_listen,
)

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@contextmanager
def two_workers(directory: Path, etcd_url: str, *flags: str) -> Iterator[ServerProcess]:
    """Yield a server of two workers on a store of its own."""
    store = (f"--etcd-servers={etcd_url}", f"--etcd-prefix=/{uuid.uuid4()}")
    with running_server(directory, "--workers=2", *store, *flags) as server:
        yield server
        assert "Traceback" not in server.log, server.log


@pytest.fixture(scope="module")
def shared(etcd_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that several tests use one after the other; its workers survive them."""
    with two_workers(tmp_path_factory.mktemp("workers"), etcd_url) as server:
        yield server


@pytest.fixture
def server(shared: ServerProcess) -> ServerProcess:
    """The shared server without any connection."""
    wait_until(lambda: not any(clients_of_workers(shared).values()))
    return shared


def served(stack: ExitStack, server: ServerProcess) -> HTTPSConnection:
    """Return a connection on which a request has been answered."""
    connection = stack.enter_context(closing(connect(server)))
    assert get(connection, "/version")[0] == 200
    return connection


def port_of_client(connection: HTTPSConnection) -> int:
    return int(connection.sock.getsockname()[1])


def loads(server: ServerProcess) -> list[int]:
    return sorted(len(clients) for clients in clients_of_workers(server).values())


@pytest.mark.parametrize("count", [4, 16, 200])
def test_connections_are_shared_evenly(server: ServerProcess, count: int) -> None:
    with ExitStack() as stack:
        connections = [served(stack, server) for _ in range(count)]
        assert loads(server) == [count // 2, count // 2]
        for gone in clients_of_workers(server).values():
            for connection in connections:
                if connection.sock is not None and port_of_client(connection) in gone:
                    connection.close()
            wait_until(lambda: loads(server) == [0, count // 2])
            connections += [served(stack, server) for _ in range(count // 2)]
            assert loads(server) == [count // 2, count // 2]


def test_short_connections_go_to_every_worker_in_turn(server: ServerProcess) -> None:
    workers = []
    for _ in range(6):
        with ExitStack() as stack:
            served(stack, server)
            workers += [pid for pid, clients in clients_of_workers(server).items() if clients]
        wait_until(lambda: loads(server) == [0, 0])
    assert workers == workers[:2] * 3
    assert len(set(workers)) == 2


def test_no_file_stays_open(server: ServerProcess) -> None:
    assert server.process is not None
    processes = [server.process.pid, *pids_of_workers(server)]
    before = [len(open_files(pid)) for pid in processes]
    with ExitStack() as stack:
        for _ in range(50):
            served(stack, server)
        assert len(open_files(processes[0])) == before[0]
    wait_until(lambda: [len(open_files(pid)) for pid in processes] == before)


def test_a_worker_that_hangs_leaves_its_connections_to_the_others(server: ServerProcess) -> None:
    hung = pids_of_workers(server)[0]
    with ExitStack() as stack:
        os.kill(hung, signal.SIGSTOP)
        try:
            for _ in range(8):
                served(stack, server)
            assert loads(server) == [0, 8]
        finally:
            os.kill(hung, signal.SIGCONT)

        def one_more_makes_them_even() -> bool:
            served(stack, server)
            fewer, more = loads(server)
            return more - fewer <= 1

        wait_until(one_more_makes_them_even)


def test_a_parent_that_hangs_stops_nobody_who_is_connected(server: ServerProcess) -> None:
    assert server.process is not None
    with ExitStack() as stack:
        connections = [served(stack, server) for _ in range(2)]
        server.process.send_signal(signal.SIGSTOP)
        try:
            for connection in connections:
                assert get(connection, "/version")[0] == 200
            late = threading.Thread(target=served, args=(stack, server))
            late.start()
        finally:
            server.process.send_signal(signal.SIGCONT)
        late.join()
        assert loads(server) == [1, 2]


def test_connections_wait_while_the_parent_has_no_file_left(server: ServerProcess) -> None:
    assert server.process is not None
    pid = server.process.pid
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # The limit is one of numbers: below the first that is free there is none.
    taken = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
    first_free = min(set(range(len(taken) + 1)) - taken)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (first_free, usual[1]))
    with ExitStack() as stack:
        try:
            late = threading.Thread(target=served, args=(stack, server))
            late.start()
            wait_until(lambda: "cannot accept connections" in server.log)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
        late.join()
        assert loads(server) == [0, 1]
    assert server.log.count("cannot accept connections") == 1


class Traffic:
    """ConfigMaps that are created one after the other in a thread.

    Each request is on a connection of its own, or all are on one while that lasts.
    """

    def __init__(self, server: ServerProcess, *, keeps: bool = False) -> None:
        self.created: list[str] = []
        self.refused: list[int] = []
        self.cut = 0
        self._server = server
        self._keeps = keeps
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def go_on(self) -> None:
        """Wait until some more have been created."""
        enough = len(self.created) + 20
        wait_until(lambda: len(self.created) >= enough)

    def _run(self) -> None:
        connection = connect(self._server)
        while not self._ended.is_set():
            name = f"c-{uuid.uuid4()}"
            body = json.dumps({"metadata": {"name": name}})
            try:
                connection.request("POST", CONFIG_MAPS, body, headers=ADMIN)
                response = connection.getresponse()
                response.read()
            except (OSError, HTTPException):
                self.cut += 1
                connection.close()
                continue
            if response.status == 201:
                self.created.append(name)
            else:
                self.refused.append(response.status)
            if not self._keeps:
                connection.close()
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_is_replaced_and_nothing_is_lost(
    etcd_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    with two_workers(tmp_path, etcd_url) as server, ExitStack() as stack:
        before = pids_of_workers(server)
        many = [stack.enter_context(Traffic(server, keeps=True)) for _ in range(4)]
        single = stack.enter_context(Traffic(server))
        single.go_on()
        os.kill(before[0], number)
        for each in (*many, single):
            each.go_on()
        wait_until(lambda: len(set(pids_of_workers(server)) - set(before)) == 1)
        assert before[1] in pids_of_workers(server)
        # What a killed worker was answering is cut; what it had not begun goes to the other one.
        assert single.cut <= (number is signal.SIGKILL)
        assert all(each.cut <= 1 for each in many)
        stack.close()
        created = {name for each in (*many, single) for name in each.created}
        assert not any(each.refused for each in (*many, single))
        connection = served(stack, server)
        items = json.loads(get(connection, CONFIG_MAPS)[1])["items"]
        assert created <= {item["metadata"]["name"] for item in items}
        connection.close()
        wait_until(lambda: len(loads(server)) == 2 and not any(loads(server)))
        one_is_back(server)
        assert server.process is not None
        assert pids_that_listen(server) == [server.process.pid]
        for _ in range(16):
            served(stack, server)
        assert loads(server) == [8, 8]
        assert server.stop() == 0


def one_is_back(server: ServerProcess) -> None:
    """Wait until both workers get connections."""

    def both_get_one() -> bool:
        with ExitStack() as stack:
            served(stack, server)
            served(stack, server)
            both = loads(server) == [1, 1]
        wait_until(lambda: loads(server) == [0, 0])
        return both

    wait_until(both_get_one)


def test_a_stop_answers_what_every_worker_has_begun(etcd_url: str, tmp_path: Path) -> None:
    with two_workers(tmp_path, etcd_url) as server, ExitStack() as stack:
        assert server.process is not None
        body = b'{"metadata":{"generateName":"late-"}}'
        writing = [stack.enter_context(closing(connect(server))) for _ in range(4)]
        for connection in writing:
            connection.putrequest("POST", CONFIG_MAPS)
            connection.putheader("Authorization", ADMIN["Authorization"])
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body[:10])
        # Another request on each worker has been answered, so these have been read as well.
        assert [served(stack, server) for _ in range(2)]
        assert loads(server) == [3, 3]
        workers = pids_of_workers(server)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_refused(server))
        for connection in writing:
            connection.send(body[10:])
            assert connection.getresponse().status == 201
        assert server.process.wait() == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_address_of_a_server_is_removed_when_all_workers_stop(
    etcd_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    """When one ends, the others go on at the same address."""
    with two_workers(tmp_path, etcd_url, "--advertise-address=192.0.2.1") as server:
        lease = f"{server.flags[2].partition('=')[2]}/masterleases/192.0.2.1"
        before = pids_of_workers(server)
        os.kill(before[0], number)
        wait_until(lambda: before[0] not in pids_of_workers(server))
        assert asyncio.run(is_stored(etcd_url, lease))
        assert server.stop() == 0
        assert not asyncio.run(is_stored(etcd_url, lease))


async def is_stored(etcd_url: str, key: str) -> bool:
    store = await open_store(etcd_url)
    try:
        return await store.get(key) is not None
    finally:
        await store.close()


def is_refused(server: ServerProcess) -> bool:
    try:
        with closing(connect(server)) as connection:
            connection.connect()
    except OSError:
        return True
    return False


def test_while_a_stop_is_delayed_the_workers_serve(etcd_url: str, tmp_path: Path) -> None:
    with two_workers(tmp_path, etcd_url, "--shutdown-delay-duration=1h") as server:
        assert server.process is not None
        with ExitStack() as stack:
            ready = [served(stack, server) for _ in range(2)]
            server.process.send_signal(signal.SIGTERM)
            for connection in ready:
                wait_until(lambda c=connection: get(c, "/readyz")[0] != 200)
            for _ in range(2):
                served(stack, server)
            assert loads(server) == [2, 2]
        # The delay is for clients that connect, and without the parent they cannot.
        workers = pids_of_workers(server)
        server.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_workers_reload_on_sighup(server: ServerProcess) -> None:
    before, known = pids_of_workers(server), server.log.count("the token file reloaded")
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log.count("the token file reloaded") == known + 2)
    assert pids_of_workers(server) == before


def test_workers_do_not_outlive_their_parent(etcd_url: str, tmp_path: Path) -> None:
    with two_workers(tmp_path, etcd_url) as server:
        workers = pids_of_workers(server)
        server.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_a_server_whose_workers_cannot_start_ends(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="a user name and a password"):
        ServerProcess(tmp_path, "--workers=2", "--etcd-servers=http://a:b@127.0.0.1:1").start()
