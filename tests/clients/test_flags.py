"""The flags of the command: their effects, aliases, and invalid values."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apiserver.server.cli import parse_arguments
from tests.clients.https import connect, port_of
from tests.server_process import ServerProcess, running_server
from tests.waiting import PATIENCE

MEMORY = "--storage=memory://"


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the flags that the tests look at."""
    flags = (
        "--tls-san=api.example.com,192.0.2.7", "--anonymous-auth=false", "--profiling=false",
        "--max-connection-bytes-per-sec", "5", "--watch-cache=true",
    )  # fmt: skip
    with running_server(tmp_path_factory.mktemp("configured"), *flags) as server:
        yield server


def run(*flags: str) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "apiserver", *flags],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_what_it_writes_is_for_its_owner_alone(configured: ServerProcess) -> None:
    written = [path for path in configured.directory.rglob("*") if path.name != "tokens.csv"]
    secret = [path for path in written if path.is_file() and path.name not in ("stdout", "stderr")]
    assert {"admin.kubeconfig", "ca.key", "apiserver.key", "state.db"} <= {
        path.name for path in secret
    }
    for path in secret:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


@pytest.mark.parametrize(
    "name",
    [
        "localhost", "127.0.0.1", "::1", "kubernetes.default.svc", "10.0.0.1", "api.example.com",
        "192.0.2.7",
    ],
)  # fmt: skip
def test_names_and_addresses_of_the_machine_are_in_the_certificate(
    configured: ServerProcess, name: str
) -> None:
    context = ssl.create_default_context(cafile=str(configured.ca))
    with (
        socket.create_connection(("127.0.0.1", port_of(configured))) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        assert tls.version() in ("TLSv1.2", "TLSv1.3")


def test_without_anonymous_requests_everybody_must_say_who_they_are(
    configured: ServerProcess,
) -> None:
    connection = connect(configured)
    connection.request("GET", "/readyz")
    assert connection.getresponse().status == 401
    connection.close()


def test_flags_that_mean_nothing_here_are_taken_with_a_warning(configured: ServerProcess) -> None:
    assert "--profiling has no effect here" in configured.log
    assert "--max-connection-bytes-per-sec has no effect here" in configured.log
    assert "watch-cache" not in configured.log


def test_a_second_server_on_the_same_file_is_refused(configured: ServerProcess) -> None:
    done = run(f"--data-dir={configured.directory}", "--secure-port=0")
    assert done.returncode == 1
    assert "in use by another process" in done.stderr


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["stray"], "unknown argument: stray"),
        (["--secure-port=x"], 'invalid argument "x" for "--secure-port": must be a number'),
        (["--secure-port=70000"], "must be a port"),
        (["--bind-address=nowhere"], "must be an IP address"),
        (["--event-ttl=1"], 'time: missing unit in duration "1"'),
        (
            ["--authorization-mode=Webhook"],
            "authorization-mode Webhook's authorization config file not passed",
        ),
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
def test_a_wrong_value_is_one_clear_line(
    capfd: pytest.CaptureFixture[str], flags: list[str], says: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(flags)
    assert ended.value.code == 2
    output, errors = capfd.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert says in errors


def test_a_command_that_is_wrong_ends_with_one_clear_line() -> None:
    done = run("--no-such-flag=1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("apiserver: unknown flag: --no-such-flag (see apiserver --help)\n")


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
