"""What ``docker-compose.yml`` composes, from binaries of this machine: no part of it is missed.

Three etcd members, two servers that share an identity, and HAProxy in front of them, configured by
the very text that the composed one is.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.clients.conftest import Kubectl, PlainKubectl
from tests.etcd_process import find_etcd, fsync_flags, is_healthy
from tests.free_ports import free_port
from tests.server_process import ServerProcess, running_server
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@dataclass(frozen=True, slots=True)
class Topology:
    """All processes, and kubectl through the load balancer."""

    members: list[subprocess.Popen[bytes]]
    servers: list[ServerProcess]
    kubectl: Kubectl


@pytest.fixture
def topology(tmp_path: Path) -> Iterator[Topology]:
    """The composed control plane."""
    etcd, haproxy = find_etcd(), shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
    if etcd is None or haproxy is None:
        pytest.skip("it takes an etcd binary and haproxy")
    with ExitStack() as stack:
        members, endpoints = start_members(stack, etcd, tmp_path)
        port = free_port()
        flags = [
            f"--etcd-servers={','.join(endpoints)}",
            f"--cert-dir={tmp_path / 'identity'}",
            "--tls-san=haproxy",
        ]
        servers = [
            stack.enter_context(running_server(tmp_path / f"server-{number}", *flags))
            for number in (1, 2)
        ]
        start_balancer(stack, haproxy, tmp_path, servers, port)
        kubeconfig = tmp_path / "balanced.kubeconfig"
        text = servers[0].kubeconfig.read_text()
        kubeconfig.write_text(text.replace(servers[0].url, f"https://127.0.0.1:{port}"))
        kubectl = PlainKubectl(kubeconfig, tmp_path)
        eventually(kubectl, "get", "--raw", "/readyz")
        yield Topology(members, servers, kubectl)


def start_members(
    stack: ExitStack, binary: Path, directory: Path
) -> tuple[list[subprocess.Popen[bytes]], list[str]]:
    peers, clients = (
        [f"http://127.0.0.1:{free_port()}" for _ in range(3)] for _ in ("peers", "clients")
    )
    cluster = ",".join(f"etcd-{number}={peer}" for number, peer in enumerate(peers))
    members = []
    for number, (peer, client) in enumerate(zip(peers, clients, strict=True)):
        command = [
            *(str(binary), f"--name=etcd-{number}", f"--data-dir={directory / f'etcd-{number}'}"),
            *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
            *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
            *(f"--initial-cluster={cluster}", "--log-level=error", *fsync_flags(binary)),
        ]
        members.append(start(stack, command, directory / f"etcd-{number}.log"))
    wait_until(lambda: all(map(is_healthy, clients)))
    return members, clients


def start_balancer(
    stack: ExitStack, binary: str, directory: Path, servers: list[ServerProcess], port: int
) -> None:
    text = COMPOSE["configs"]["haproxy"]["content"].replace("bind :6443", f"bind 127.0.0.1:{port}")
    for number, server in enumerate(servers, start=1):
        address = server.url.removeprefix("https://")
        text = text.replace(f"apiserver-{number}:6443", address)
    assert not re.search(r":6443\b", text)
    configuration = directory / "haproxy.cfg"
    configuration.write_text(text)
    start(stack, [binary, "-f", str(configuration)], directory / "haproxy.log")


def start(stack: ExitStack, command: list[str], output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def eventually(kubectl: Kubectl, *arguments: str) -> None:
    """Run a command until it succeeds: connections to what has gone are broken first."""
    wait_until(lambda: kubectl.run(*arguments).returncode == 0)


def test_a_server_and_a_member_of_etcd_may_go(topology: Topology) -> None:
    kubectl = topology.kubectl
    kubectl("create", "configmap", "before")
    topology.servers[0].kill()
    eventually(kubectl, "get", "configmap", "before")
    topology.members[0].kill()
    eventually(kubectl, "create", "configmap", "after")
    names = kubectl("get", "configmaps", "-o", "name").split()
    assert {"configmap/before", "configmap/after"} <= set(names)
    topology.servers[0].start()
    topology.servers[1].kill()
    eventually(kubectl, "get", "configmap", "after")
