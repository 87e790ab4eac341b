"""A server's process: how it starts, how it ends, and what it refuses to start with."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest

from apiserver.server.pki import CertificateNames, Identity, load_or_create_identity
from tests.server_process import ServerProcess, running_server
from tests.waiting import PATIENCE, wait_until

MEMORY = "--storage=memory://"
ADMIN = {"Authorization": "Bearer admin-token"}


def connect(server: ServerProcess) -> http.client.HTTPSConnection:
    """Return a connection that trusts the server's CA and nobody else."""
    context = ssl.create_default_context(cafile=str(server.ca))
    port = int(server.url.rpartition(":")[2])
    return http.client.HTTPSConnection("localhost", port, context=context, timeout=PATIENCE)


def get(connection: http.client.HTTPSConnection, path: str) -> tuple[int, bytes]:
    connection.request("GET", path, headers=ADMIN)
    response = connection.getresponse()
    return response.status, response.read()


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "apiserver", *flags],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_what_it_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        written = [path for path in server.directory.rglob("*") if path.name != "tokens.csv"]
        secret = [
            path for path in written if path.is_file() and path.name not in ("stdout", "stderr")
        ]
        assert {"admin.kubeconfig", "ca.key", "apiserver.key", "state.db"} <= {
            path.name for path in secret
        }
        for path in secret:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_names_and_addresses_of_the_machine_are_in_the_certificate(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", MEMORY, "--tls-san=api.example.com,192.0.2.7") as server:
        context = ssl.create_default_context(cafile=str(server.ca))
        port = int(server.url.rpartition(":")[2])
        for name in (
            "localhost", "127.0.0.1", "::1", "kubernetes.default.svc", "10.0.0.1",
            "api.example.com", "192.0.2.7",
        ):  # fmt: skip
            with (
                socket.create_connection(("127.0.0.1", port)) as plain,
                context.wrap_socket(plain, server_hostname=name) as tls,
            ):
                assert tls.version() in ("TLSv1.2", "TLSv1.3")


def test_a_certificate_that_is_there_already_is_served(tmp_path: Path) -> None:
    with running_server(tmp_path / "first", MEMORY) as first:
        theirs = first.directory / "certificates"
    certificates = tmp_path / "shared"
    certificates.mkdir()
    for name in ("apiserver.crt", "apiserver.key"):
        (certificates / name).write_bytes((theirs / name).read_bytes())
    before = (certificates / "apiserver.crt").read_bytes()
    flags = (MEMORY, f"--cert-dir={certificates}", "--tls-san=not.in.it")
    with running_server(tmp_path / "second", *flags) as second:
        der = ssl.PEM_cert_to_DER_cert(before.decode())
        context = ssl.create_default_context(cafile=str(theirs / "ca.crt"))
        port = int(second.url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            assert tls.getpeercert(binary_form=True) == der
    assert (certificates / "apiserver.crt").read_bytes() == before


def test_a_new_name_makes_a_new_certificate_of_the_same_authority(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", MEMORY)
    server.start()
    authority = server.ca.read_bytes()
    server.stop()
    with running_server(tmp_path / "data", MEMORY, "--tls-san=new.example.com") as again:
        context = ssl.create_default_context(cafile=str(again.ca))
        port = int(again.url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="new.example.com"),
        ):
            assert again.ca.read_bytes() == authority


def test_a_stop_ends_watches_cleanly(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", MEMORY, "--shutdown-delay-duration=10ms") as server:
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
    with running_server(tmp_path / "data", MEMORY) as server:
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
                socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))).close()
            except ConnectionError:
                break
        writing.send(body[10:])
        assert writing.getresponse().status == 201
        assert server.process.wait(PATIENCE) == 0
        writing.close()
        other.close()


def test_a_watch_ends_when_its_client_goes_away(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", MEMORY) as server:
        watching, asking = connect(server), connect(server)
        watching.request("GET", "/api/v1/nodes?watch=1", headers=ADMIN)
        stream = watching.getresponse()
        gauge = b"apiserver_longrunning_watches "
        before = number_after(gauge, get(asking, "/metrics")[1])
        stream.close()
        watching.close()
        wait_until(lambda: number_after(gauge, get(asking, "/metrics")[1]) == before - 1)
        asking.close()


def number_after(name: bytes, metrics: bytes) -> float:
    (line,) = [line for line in metrics.splitlines() if line.startswith(name)]
    return float(line.split()[1])


def test_client_certificates_of_another_authority_are_taken_where_it_is_named(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path / "other", MEMORY) as other:
        theirs = other.directory / "certificates"
    asked = "/api/v1/namespaces/default"
    for flags, welcome in (((), False), ((f"--client-ca-file={theirs / 'ca.crt'}",), True)):
        with running_server(tmp_path / f"data-{welcome}", MEMORY, *flags) as server:
            context = ssl.create_default_context(cafile=str(server.ca))
            context.load_cert_chain(theirs / "admin.crt", theirs / "admin.key")
            port = int(server.url.rpartition(":")[2])
            connection = http.client.HTTPSConnection("localhost", port, context=context)
            try:
                connection.request("GET", asked)
                assert connection.getresponse().status == 200
                assert welcome
            except OSError:
                assert not welcome
            connection.close()


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


def test_without_anonymous_requests_everybody_must_say_who_they_are(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", MEMORY, "--anonymous-auth=false") as server:
        connection = connect(server)
        connection.request("GET", "/readyz")
        assert connection.getresponse().status == 401
        connection.close()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--no-such-flag=1"], "unknown flag: --no-such-flag"),
        (["stray"], "unknown argument: stray"),
        (["--secure-port=x"], 'invalid argument "x" for "--secure-port": must be a number'),
        (["--secure-port=70000"], "must be a port"),
        (["--bind-address=nowhere"], "must be an IP address"),
        (["--event-ttl=1"], 'time: missing unit in duration "1"'),
        (["--authorization-mode=Webhook"], "Webhook is none of"),
        (["--anonymous-auth=maybe"], "must be true or false"),
        (["--service-cluster-ip-range=10.0.0.0/33"], "must be a range of IP addresses"),
        (["--service-node-port-range=5-1"], "must be a range of ports"),
        (["--storage-media-type=application/yaml"], "must be application/json"),
        (["--token-auth-file=/no/such/file"], "no such file"),
        (["--tls-cert-file=/dev/null"], "needs --tls-private-key-file"),
        (["--etcd-servers=ftp://a"], "ftp://a is not like http://127.0.0.1:2379"),
        (["--workers=2"], "needs --etcd-servers"),
        (["--storage=memory://", "--etcd-servers=http://127.0.0.1:1"], "exclude each other"),
    ],
)
def test_a_wrong_value_is_one_clear_line(flags: list[str], says: str) -> None:
    done = run(*flags)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_flags_that_mean_nothing_here_are_taken_with_a_warning(tmp_path: Path) -> None:
    flags = ("--profiling=false", "--max-connection-bytes-per-sec", "5", "--watch-cache=true")
    with running_server(tmp_path / "data", MEMORY, *flags) as server:
        assert "--profiling has no effect here" in server.log
        assert "--max-connection-bytes-per-sec has no effect here" in server.log
        assert "watch-cache" not in server.log


def test_help_names_every_flag_and_no_insecure_port() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "insecure-port" not in done.stdout
    for flag in ("--secure-port", "--etcd-servers", "--data-dir", "--service-account-key-file"):
        assert flag in done.stdout


@pytest.mark.parametrize(
    ("storage", "says"),
    [("nonsense://", "expected memory://"), ("sqlite:////proc/no/such/place", "/proc/no")],
)
def test_a_store_that_cannot_be_opened_is_one_line(tmp_path: Path, storage: str, says: str) -> None:
    done = run(f"--data-dir={tmp_path}", f"--storage={storage}", "--secure-port=0")
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "flags", [["--client-ca-file"], ["--tls-cert-file", "--tls-private-key-file"]]
)
def test_files_that_hold_no_certificate_are_named(tmp_path: Path, flags: list[str]) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")
    given = [f"{flag}={rubbish}" for flag in flags]
    done = run(f"--data-dir={tmp_path}", MEMORY, "--secure-port=0", *given)
    assert done.returncode == 1
    assert done.stderr.startswith(f"apiserver: {rubbish}")
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(f"--data-dir={tmp_path}", MEMORY, f"--secure-port={port}")
    assert done.returncode == 1
    assert done.stderr == f"apiserver: 127.0.0.1 port {port}: Address already in use\n"


def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path) -> None:
    with running_server(tmp_path / "data"):
        done = run(f"--data-dir={tmp_path / 'data'}", "--secure-port=0")
    assert done.returncode == 1
    assert "in use by another process" in done.stderr


def etcd_flags(etcd_url: str) -> list[str]:
    return [f"--etcd-servers={etcd_url}", f"--etcd-prefix=/{uuid.uuid4()}"]


def issuer(server: ServerProcess, identity: Identity) -> tuple[str, int]:
    """Return who issued the certificate of a server, and its answer to a client of ``identity``."""
    context = ssl.create_default_context(cafile=str(identity.ca.certificate))
    context.load_cert_chain(identity.admin.certificate, identity.admin.key)
    port = int(server.url.rpartition(":")[2])
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=PATIENCE)
    connection.request("GET", "/api/v1/namespaces")
    answer = connection.getresponse()
    answer.read()
    found = connection.sock.getpeercert()
    connection.close()
    return str(found["issuer"]), answer.status


def test_a_running_server_takes_new_certificates_authorities_and_tokens(tmp_path: Path) -> None:
    names = CertificateNames(["localhost"])
    first, second = (load_or_create_identity(tmp_path / n, names, None) for n in ("1", "2"))
    files = [tmp_path / name for name in ("tls.crt", "tls.key", "clients.crt")]

    def install(identity: Identity) -> None:
        serving = identity.serving
        sources = (serving.certificate, serving.key, identity.ca.certificate)
        for source, target in zip(sources, files, strict=True):
            shutil.copy(source, target)

    install(first)
    flags = [
        f"{flag}={file}"
        for flag, file in zip(
            ("--tls-cert-file", "--tls-private-key-file", "--client-ca-file"), files, strict=True
        )
    ]
    with running_server(tmp_path / "data", MEMORY, *flags) as server:
        assert server.process is not None
        before, status = issuer(server, first)
        assert status == 200
        install(second)
        (server.directory / "tokens.csv").write_text("admin-token,admin,1,nobody\n")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the token file reloaded" in server.log)
        after, status = issuer(server, second)
        assert (after != before, status) == (True, 200)
        with pytest.raises(OSError):  # noqa: PT011 - an alert, or a reset before it is read
            issuer(server, first)
        context = ssl.create_default_context(cafile=str(second.ca.certificate))
        port = int(server.url.rpartition(":")[2])
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        assert get(connection, "/api/v1/namespaces")[0] == 403
        connection.close()
        assert "Traceback" not in server.log


def pids_of_workers(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in children.split()]


def test_workers_share_a_port_and_one_that_dies_is_replaced(etcd_url: str, tmp_path: Path) -> None:
    with running_server(tmp_path / "data", "--workers=2", *etcd_flags(etcd_url)) as server:
        assert server.process is not None
        parent = server.process.pid
        before = pids_of_workers(parent)
        assert len(before) == 2
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the token file reloaded" in server.log)
        assert pids_of_workers(parent) == before
        with Traffic(server) as traffic:
            traffic.go_on()
            subprocess.run(["kill", "-9", str(before[0])], check=True)
            traffic.go_on()
            wait_until(lambda: set(pids_of_workers(parent)) - set(before))
            traffic.go_on()
            assert traffic.failed == 0
            # Those that the kernel gives to the killed worker until it has closed its socket.
            assert traffic.cut <= 3
        assert server.stop() == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in before)


class Traffic:
    """Requests one after the other, each on a connection of its own, in a thread."""

    def __init__(self, server: ServerProcess) -> None:
        self.answered = self.failed = self.cut = 0
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def go_on(self) -> None:
        """Wait until some more requests have been answered."""
        enough = self.answered + 20
        wait_until(lambda: self.answered >= enough)

    def _run(self) -> None:
        while not self._ended.is_set():
            connection = connect(self._server)
            try:
                status = get(connection, "/api/v1/namespaces/default")[0]
            except OSError:
                self.cut += 1
                continue
            finally:
                connection.close()
            if status == 200:
                self.answered += 1
            else:
                self.failed += 1


def test_workers_do_not_outlive_their_parent(etcd_url: str, tmp_path: Path) -> None:
    with running_server(tmp_path / "data", "--workers=2", *etcd_flags(etcd_url)) as server:
        assert server.process is not None
        workers = pids_of_workers(server.process.pid)
        server.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


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
            context = ssl.create_default_context(cafile=str(tmp_path / "shared" / "ca.crt"))
            port = int(server.url.rpartition(":")[2])
            connection = http.client.HTTPSConnection("localhost", port, context=context)
            path = "/api/v1/namespaces/default/endpoints/kubernetes"
            assert get(connection, path)[0] == 200
            connection.close()
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        alive = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        wait_until(lambda: addresses(connection) == alive)
        servers[0].stop()
        wait_until(lambda: addresses(connection) == alive[1:])
        connection.close()
    finally:
        for server in servers:
            server.kill()


def addresses(connection: http.client.HTTPSConnection) -> list[str]:
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
    status, body = get(connection, path)
    assert status == 200
    return [endpoint["addresses"][0] for endpoint in json.loads(body)["endpoints"]]
