"""The assets for controller-runtime's envtest, used as envtest uses them.

The flags, paths and signals are those of controller-runtime, ``pkg/internal/testing``.
"""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apiserver.server.certificate_authority import load_authority, new_authority
from apiserver.testing.envtest_apiserver import server_flags
from apiserver.testing.envtest_assets import main, write_assets
from tests.free_ports import free_port
from tests.waiting import wait_until

STOP_SECONDS = 20.0
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assets") / "bin"
    command = [sys.executable, "-m", "apiserver", "envtest-assets", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == f"export KUBEBUILDER_ASSETS={folder}\n"
    return folder


@contextmanager
def running(program: Path, flags: Sequence[str], health: str) -> Iterator[None]:
    """envtest asks without verifying the certificate, until the answer is 200."""
    process = subprocess.Popen([program, *flags], stderr=subprocess.PIPE, cwd="/")
    try:
        wait_until(lambda: process.poll() is not None or _is_healthy(health))
        assert process.poll() is None
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=STOP_SECONDS)
        sys.stderr.buffer.write(log)


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, context=ssl._create_unverified_context()) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@dataclass(frozen=True)
class ControlPlane:
    assets: Path
    cert_dir: Path
    etcd_dir: Path
    etcd_url: str
    port: int

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @contextmanager
    def etcd(self) -> Iterator[None]:
        flags = [
            f"--advertise-client-urls={self.etcd_url}",
            f"--data-dir={self.etcd_dir}",
            f"--listen-client-urls={self.etcd_url}",
            f"--listen-peer-urls=http://127.0.0.1:{free_port()}",
            "--unsafe-no-fsync=true",
        ]
        with running(self.assets / "etcd", flags, f"{self.etcd_url}/health"):
            yield

    @contextmanager
    def apiserver(self) -> Iterator[None]:
        flags = [
            "--allow-privileged=true",
            "--authorization-mode=RBAC",
            "--bind-address=127.0.0.1",
            f"--cert-dir={self.cert_dir}",
            f"--client-ca-file={self.cert_dir}/client-cert-auth-ca.crt",
            "--disable-admission-plugins=ServiceAccount",
            f"--etcd-servers={self.etcd_url}",
            f"--secure-port={self.port}",
            f"--service-account-issuer={self.url}/",
            f"--service-account-key-file={self.cert_dir}/sa-signer.crt",
            f"--service-account-signing-key-file={self.cert_dir}/sa-signer.key",
            "--service-cluster-ip-range=10.0.0.0/24",
        ]
        with running(self.assets / "kube-apiserver", flags, f"{self.url}/readyz"):
            yield

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """With the certificates of the administrator that envtest has made, and verified."""
        context = ssl.create_default_context(cafile=str(self.cert_dir / "serving-ca.crt"))
        context.load_cert_chain(self.cert_dir / "client.crt", self.cert_dir / "client.key")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, context=context) as answer:
            return json.load(answer)


@pytest.fixture
def control_plane(assets: Path, tmp_path: Path) -> ControlPlane:
    """Serving certificate, token signer and client CA are each of a CA of their own."""
    cert_dir = tmp_path / "certs"
    cert_dir.mkdir()
    serving, signer, clients = (new_authority("envtest-environment") for _ in range(3))
    issuer = load_authority(serving.certificate, serving.key)
    names = ("localhost", "127.0.0.1")
    admin = load_authority(clients.certificate, clients.key)
    pairs = {
        "apiserver": issuer.server_certificate("localhost", names),
        "sa-signer": signer,
        "client": admin.client_certificate("admin", ["system:masters"]),
    }
    for name, pair in pairs.items():
        (cert_dir / f"{name}.crt").write_bytes(pair.certificate)
        (cert_dir / f"{name}.key").write_bytes(pair.key)
    (cert_dir / "client-cert-auth-ca.crt").write_bytes(clients.certificate)
    (cert_dir / "serving-ca.crt").write_bytes(serving.certificate)
    etcd_url = f"http://127.0.0.1:{free_port()}"
    return ControlPlane(assets, cert_dir, tmp_path / "etcd", etcd_url, free_port())


def test_a_control_plane_serves_administrators_and_keeps_its_objects_when_restarted(
    control_plane: ControlPlane,
) -> None:
    orphan = {
        "metadata": {
            "name": "orphan",
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "made-up"}
            ],
        }
    }
    path = "/api/v1/namespaces/default/configmaps"
    with control_plane.etcd():
        with control_plane.apiserver():
            created = control_plane.request("POST", path, orphan)
            token = control_plane.request(
                "POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "a"}}
            )
            assert token["metadata"]["name"] == "a"
        with control_plane.apiserver():
            found = control_plane.request("GET", f"{path}/orphan")
            assert found["metadata"]["uid"] == created["metadata"]["uid"]
            accounts = control_plane.request("GET", "/api/v1/namespaces/default/serviceaccounts")
            # No controller has made the account that every namespace of a cluster has.
            assert [each["metadata"]["name"] for each in accounts["items"]] == ["a"]
    assert {path.name for path in control_plane.etcd_dir.iterdir()} >= {"state.db"}


@pytest.mark.parametrize(
    ("program", "flag", "has"),
    [("etcd", "unsafe-no-fsync", True), ("kube-apiserver", "insecure-port", False)],
)
def test_the_help_says_which_flags_there_are(
    assets: Path, program: str, flag: str, has: bool
) -> None:
    done = subprocess.run(
        [assets / program, "--help"], capture_output=True, text=True, check=True, cwd="/"
    )
    assert bool(re.search(rf"(?m)^\s*--{flag}\b", done.stdout + done.stderr)) is has


def test_kubectl_is_the_installed_one(assets: Path) -> None:
    done = subprocess.run(
        [assets / "kubectl", "version", "--client"], capture_output=True, text=True, check=True
    )
    assert "Client Version" in done.stdout


def test_without_kubectl_the_program_says_what_is_missing(tmp_path: Path) -> None:
    write_assets(tmp_path, kubectl=None)
    done = subprocess.run([tmp_path / "kubectl"], capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert done.stderr.startswith("kubectl was not installed")


def test_a_folder_that_cannot_be_written_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file" / "bin")]) == 1
    assert "file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # An etcd that does not answer is left to the server, which waits for it.
        (
            ["--etcd-servers=http://127.0.0.1:1", "--cert-dir=/c", "--v=4"],
            ["--v=4", "--cert-dir=/c", "--data-dir=/c", "--controllers=-*",
             "--etcd-servers=http://127.0.0.1:1"],
        ),
        (
            ["--data-dir=/d", "--cert-dir", "/c", "--controllers=*"],
            ["--cert-dir=/c", "--data-dir=/d", "--controllers=*"],
        ),
        (
            ["--etcd-servers=https://a:1,https://b:1"],
            ["--controllers=-*", "--etcd-servers=https://a:1,https://b:1"],
        ),
    ],
)  # fmt: skip
def test_flags_are_those_of_the_server_with_other_defaults(
    given: list[str], expected: list[str]
) -> None:
    assert server_flags(given) == expected
