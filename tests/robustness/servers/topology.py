"""The servers, what they store in and what stands before them: processes of this machine.

The whole of it is what ``docker-compose.yml`` describes: three etcd members, two servers that share
an identity, and HAProxy, which looks at /readyz to know which of them serve.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.etcd_process import EtcdProcess, etcd_cluster
from tests.free_ports import free_port
from tests.server_process import ServerProcess, running_server
from tests.waiting import PATIENCE

_HAPROXY: Final = """\
global
  log stdout format raw local0 warning
defaults
  mode tcp
  log global
  timeout connect 2s
  timeout client 1h
  timeout server 1h
frontend api
  bind 127.0.0.1:{port}
  default_backend apiservers
frontend state
  mode http
  bind 127.0.0.1:{state}
  http-request return status 200 if {{ nbsrv(apiservers) ge {count} }}
  http-request return status 503
backend apiservers
  balance leastconn
  option httpchk GET /readyz
  http-check expect status 200
  default-server check check-ssl verify none inter 200 fall 2 rise 1
  default-server on-marked-down shutdown-sessions
{servers}
"""


@dataclass(frozen=True, slots=True)
class Topology:
    """What runs."""

    members: list[EtcdProcess]
    servers: list[ServerProcess]
    #: Where clients come in: the servers themselves, and HAProxy where there is one.
    urls: list[str] = field(default_factory=list)

    @property
    def endpoints(self) -> list[str]:
        """Where the store is."""
        return [member.endpoint for member in self.members]


@contextmanager
def servers_on_etcd(directory: Path, members: int, *workers: int) -> Iterator[Topology]:
    """Yield an etcd of so many members, and a server of so many workers for each number."""
    with ExitStack() as stack:
        cluster = stack.enter_context(etcd_cluster(members))
        flags = [
            "--etcd-servers=" + ",".join(member.endpoint for member in cluster),
            f"--cert-dir={directory / 'identity'}",
        ]
        servers = [
            stack.enter_context(
                running_server(directory / f"server-{number}", f"--workers={count}", *flags)
            )
            for number, count in enumerate(workers)
        ]
        topology = Topology(cluster, servers, [server.url for server in servers])
        if find_haproxy() is not None and len(servers) > 1:
            topology.urls.append(stack.enter_context(balanced(directory, servers)))
        yield topology


def find_haproxy() -> str | None:
    """Return the haproxy of this machine; Debian puts it where only root looks."""
    return shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def balanced(directory: Path, servers: list[ServerProcess]) -> Iterator[str]:
    """Yield the URL of an haproxy that has found all servers to be ready."""
    binary = find_haproxy()
    assert binary is not None
    port, state = free_port(), free_port()
    backends = [
        f"  server apiserver-{number} {server.url.removeprefix('https://')}"
        for number, server in enumerate(servers)
    ]
    configuration = directory / "haproxy.cfg"
    configuration.write_text(
        _HAPROXY.format(port=port, state=state, count=len(servers), servers="\n".join(backends))
    )
    with (directory / "haproxy.log").open("wb") as output:
        process = subprocess.Popen(
            [binary, "-db", "-f", configuration], stdout=output, stderr=output
        )
    try:
        _wait_until_all_are_up(process, state, directory / "haproxy.log")
        yield f"https://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_until_all_are_up(process: subprocess.Popen[bytes], state: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{state}/", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            ended = process.poll() is not None
            assert not ended, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
