"""A proxy in front of a server: its certificate, and the headers that name its clients."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.server_process import ServerProcess, running_server
from tests.waiting import wait_until

WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
JANE = {"X-Remote-User": "jane", "X-Remote-Group": "dev"}


class Authority:
    """Signs certificates, also those of authorities below it."""

    def __init__(self, name: str, directory: Path, signer: Authority | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        self.certificate = (signer or self).sign(self.name, self.key, is_authority=True)
        self.path = directory / f"{name}.crt"
        self.path.write_bytes(_pem(self.certificate))

    def sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def client(self, name: str, *chain: Authority) -> Path:
        """Return a file with a key, a certificate of this authority, and those of ``chain``."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificates = [self.sign(_name(name), key), *(each.certificate for each in chain)]
        path = self.path.with_name(f"{name}.pem")
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(b"".join([*map(_pem, certificates), private]))
        return path


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


class Proxied:
    """A server, and the authorities that it trusts."""

    def __init__(self, server: ServerProcess, proxies: Authority, clients: Authority) -> None:
        self.server = server
        self.proxies = proxies
        self.clients = clients

    def ask(self, certificate: Path | None, headers: dict[str, str]) -> Any:
        """Return the user that the server sees, or the status of its refusal."""
        context = ssl.create_default_context(cafile=self.server.ca)
        if certificate is not None:
            context.load_cert_chain(certificate)
        host = self.server.url.removeprefix("https://")
        connection = HTTPSConnection(host, context=context)
        given = {"Content-Type": "application/json", **headers}
        connection.request("POST", WHOAMI, b"{}", given)
        response = connection.getresponse()
        document = json.loads(response.read())
        connection.close()
        return document["status"]["userInfo"] if response.status == 201 else response.status


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    directory = tmp_path_factory.mktemp("proxied")
    proxies, clients = Authority("proxies", directory), Authority("clients", directory)
    flags = (
        "--storage=memory://",
        f"--client-ca-file={clients.path}",
        f"--requestheader-client-ca-file={proxies.path}",
        "--requestheader-allowed-names=front,edge",
        "--requestheader-uid-headers=X-Remote-Uid",
    )
    with running_server(directory / "server", *flags) as server:
        yield Proxied(server, proxies, clients)


def test_a_proxy_speaks_for_its_clients(proxied: Proxied) -> None:
    headers = {**JANE, "X-Remote-Uid": "7", "X-Remote-Extra-Scopes": "read"}
    assert proxied.ask(proxied.proxies.client("front"), headers) == {
        "username": "jane",
        "uid": "7",
        "groups": ["dev", "system:authenticated"],
        "extra": {"scopes": ["read"]},
    }


def test_headers_of_others_count_for_nothing(proxied: Proxied) -> None:
    assert proxied.ask(proxied.clients.client("front"), JANE)["username"] == "front"
    assert proxied.ask(None, JANE) == 403
    masters = {"X-Remote-User": "admin", "X-Remote-Group": "system:masters"}
    assert proxied.ask(proxied.proxies.client("stranger"), masters) == 401


def test_a_certificate_of_a_proxy_is_no_other_credential(proxied: Proxied) -> None:
    assert proxied.ask(proxied.proxies.client("front"), {}) == 401
    token = {"Authorization": "Bearer viewer-token"}
    assert proxied.ask(proxied.proxies.client("front"), token)["username"] == "viewer"


def test_an_authority_below_that_of_proxies_is_one_of_proxies(
    proxied: Proxied, tmp_path: Path
) -> None:
    below = Authority("below", tmp_path, proxied.proxies)
    assert proxied.ask(below.client("edge", below), JANE)["username"] == "jane"
    assert proxied.ask(below.client("admin", below), {}) == 401


def test_whom_the_server_trusts_is_published(proxied: Proxied) -> None:
    path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"

    def published() -> Any:
        context = ssl.create_default_context(cafile=proxied.server.ca)
        host = proxied.server.url.removeprefix("https://")
        connection = HTTPSConnection(host, context=context)
        connection.request("GET", path, headers={"Authorization": "Bearer admin-token"})
        response = connection.getresponse()
        document = json.loads(response.read())
        connection.close()
        return document.get("data")

    wait_until(published)
    data = published()
    assert data.pop("client-ca-file").startswith(proxied.clients.path.read_text())
    assert data == {
        "requestheader-client-ca-file": proxied.proxies.path.read_text(),
        "requestheader-allowed-names": '["front","edge"]',
        "requestheader-username-headers": '["x-remote-user"]',
        "requestheader-uid-headers": '["X-Remote-Uid"]',
        "requestheader-group-headers": '["x-remote-group"]',
        "requestheader-extra-headers-prefix": '["x-remote-extra-"]',
    }
