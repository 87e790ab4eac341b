"""A server's process: shutdown, and several servers that start at once on shared files."""

from __future__ import annotations

import json
import signal
import socket
import threading
import uuid
from http.client import HTTPSConnection
from pathlib import Path

from tests.clients.https import ADMIN, connect, get, port_of
from tests.server_process import ServerProcess, running_server
from tests.waiting import PATIENCE, wait_until

MEMORY = "--storage=memory://"
#: The program itself, which servers of most tests are forked from.
COMMAND = "apiserver"


def test_a_stop_ends_watches_cleanly(tmp_path: Path) -> None:
    flags = (MEMORY, "--shutdown-delay-duration=10ms")
    with running_server(tmp_path / "data", *flags, module=COMMAND) as server:
        watching = connect(server)
        watching.request("GET", "/api/v1/namespaces?watch=1", headers=ADMIN)
        stream = watching.getresponse()
        assert json.loads(stream.readline())["type"] == "ADDED"
        idle = connect(server)
        assert get(idle, "/readyz")[0] == 200
        ended = threading.Thread(target=stream.read)
        ended.start()
        assert server.stop() == 0
        ended.join(PATIENCE)
        assert not ended.is_alive()
        watching.close()
        idle.close()


def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", MEMORY, module=COMMAND) as server:
        body = b'{"metadata":{"name":"late"}}'
        writing = connect(server)
        writing.putrequest("POST", "/api/v1/namespaces/default/configmaps")
        writing.putheader("Authorization", ADMIN["Authorization"])
        writing.putheader("Content-Type", "application/json")
        writing.putheader("Content-Length", str(len(body)))
        writing.endheaders(body[:10])
        other = connect(server)
        assert get(other, "/version")[0] == 200
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        while server.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port_of(server))).close()
            except ConnectionError:
                break
        writing.send(body[10:])
        assert writing.getresponse().status == 201
        assert server.process.wait(PATIENCE) == 0
        writing.close()
        other.close()


def test_while_a_stop_is_delayed_the_server_serves_and_is_not_ready(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", MEMORY, "--shutdown-delay-duration=1h") as server:
        connection = connect(server)
        assert get(connection, "/readyz")[0] == 200
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: get(connection, "/readyz")[0] != 200)
        assert get(connection, "/livez")[0] == 200
        assert b"[-]shutdown failed" in get(connection, "/readyz")[1]
        connection.close()


def etcd_flags(etcd_url: str) -> list[str]:
    return [f"--etcd-servers={etcd_url}", f"--etcd-prefix=/{uuid.uuid4()}"]


def test_servers_that_start_at_once_on_nothing_share_all_they_make(
    etcd_url: str, tmp_path: Path
) -> None:
    flags = [f"--cert-dir={tmp_path / 'shared'}", *etcd_flags(etcd_url)]
    servers = [
        ServerProcess(
            tmp_path / f"server-{number}", *flags, f"--advertise-address=192.0.2.{number}"
        )
        for number in (1, 2, 3)
    ]
    threads = [threading.Thread(target=server.start) for server in servers]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for server in servers:
            assert server.url, server.log
            connection = connect(server, tmp_path / "shared" / "ca.crt")
            path = "/api/v1/namespaces/default/endpoints/kubernetes"
            assert get(connection, path)[0] == 200
            connection.close()
        connection = connect(servers[-1], tmp_path / "shared" / "ca.crt")
        alive = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        wait_until(lambda: addresses(connection) == alive)
        servers[0].stop()
        wait_until(lambda: addresses(connection) == alive[1:])
        connection.close()
    finally:
        for server in servers:
            server.kill()


def addresses(connection: HTTPSConnection) -> list[str]:
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
    status, body = get(connection, path)
    assert status == 200
    return [endpoint["addresses"][0] for endpoint in json.loads(body)["endpoints"]]
