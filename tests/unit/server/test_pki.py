"""The certificates and keys of a server."""

from __future__ import annotations

import os
import ssl
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apiserver.server.imports import without_system_ca
from apiserver.server.kubeconfig import write_kubeconfig
from apiserver.server.pki import (
    CertificateNames,
    Identity,
    IdentityError,
    KeyPair,
    covers,
    load_or_create_identity,
)
from apiserver.server.tls import tls_context

NAMES = CertificateNames(
    ("localhost", "127.0.0.1", "::1", "a" * 60 + "." + "b" * 60 + ".example.com")
)


def contents(identity: Identity) -> list[bytes]:
    pairs = (identity.ca, identity.serving, identity.admin)
    return [path.read_bytes() for pair in pairs for path in (pair.certificate, pair.key)]


def test_what_was_made_is_kept(tmp_path: Path) -> None:
    first = contents(load_or_create_identity(tmp_path, NAMES, None))
    assert contents(load_or_create_identity(tmp_path, NAMES, None)) == first


def test_keys_are_for_their_owner(tmp_path: Path) -> None:
    made = load_or_create_identity(tmp_path / "new", NAMES, None)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    for pair in (made.ca, made.serving, made.admin):
        assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600


def test_a_certificate_covers_the_names_that_it_bears(tmp_path: Path) -> None:
    made = load_or_create_identity(tmp_path, NAMES, None)
    assert covers(made.serving.certificate, NAMES.required)
    assert not covers(made.serving.certificate, ["192.0.2.1"])
    assert not covers(made.serving.certificate, ["example.org"])


def test_a_missing_name_makes_a_new_certificate_and_nothing_else(tmp_path: Path) -> None:
    before = load_or_create_identity(tmp_path, NAMES, None)
    old, authority = before.serving.certificate.read_bytes(), before.ca.certificate.read_bytes()
    more = CertificateNames((*NAMES.required, "new.example.com"))
    after = load_or_create_identity(tmp_path, more, None)
    assert after.serving.certificate.read_bytes() != old
    assert after.ca.certificate.read_bytes() == authority
    assert covers(after.serving.certificate, more.required)


def test_a_certificate_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    theirs = load_or_create_identity(
        tmp_path / "theirs", CertificateNames(("only.theirs",)), None
    ).serving
    ours = tmp_path / "ours"
    ours.mkdir()
    for path in (theirs.certificate, theirs.key):
        (ours / path.name).write_bytes(path.read_bytes())
    found = load_or_create_identity(ours, NAMES, None)
    assert found.serving.certificate.read_bytes() == theirs.certificate.read_bytes()


def test_half_a_pair_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("left behind")
    with pytest.raises(IdentityError, match="only one is there"):
        load_or_create_identity(tmp_path, NAMES, None)


def test_a_given_certificate_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="no such file"):
        load_or_create_identity(tmp_path, NAMES, KeyPair.named(tmp_path, "given"))


def test_many_who_start_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda _: contents(load_or_create_identity(tmp_path, NAMES, None)), range(8))
        )
    assert all(each == found[0] for each in found)


def test_server_and_administrator_prove_themselves_by_the_same_authority(tmp_path: Path) -> None:
    made = load_or_create_identity(tmp_path, NAMES, None)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.serving.certificate, made.serving.key)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(made.ca.certificate)
    client = ssl.create_default_context(cafile=str(made.ca.certificate))
    client.verify_flags |= getattr(ssl, "VERIFY_X509_STRICT", 0)
    client.load_cert_chain(made.admin.certificate, made.admin.key)
    peer = handshake(server, client)
    subject = dict(pair for names in peer["subject"] for pair in names)
    assert subject == {"organizationName": "system:masters", "commonName": "kubernetes-admin"}


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> Any:
    """Connect the two in memory; return the client's certificate as the server sees it."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(down, up, server_hostname="localhost")
    other = server.wrap_bio(up, down, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            done.add(side)
    assert len(done) == 2
    return other.getpeercert()


def old_fashioned_authority(directory: Path, subject: x509.Name) -> KeyPair:
    """Make a CA of a given name, and a client's certificate, without identifiers of keys."""
    now, made = datetime.now(UTC), KeyPair.named(directory, "client")
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    client = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])
    for name, owner, path in (
        (subject, authority_key, directory / "clients.crt"),
        (client, key, made.certificate),
    ):
        certificate = (
            x509.CertificateBuilder(subject_name=name, issuer_name=subject)
            .public_key(owner.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(name == subject, None), critical=True)
            .sign(authority_key, hashes.SHA256())
        )
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


@pytest.mark.parametrize("named", ["kubernetes-ca", "exactly like ours"])
def test_clients_of_an_authority_of_the_same_name_are_let_in(tmp_path: Path, named: str) -> None:
    first = load_or_create_identity(tmp_path / "ours", NAMES, None)
    subject = x509.load_pem_x509_certificate(first.ca.certificate.read_bytes()).subject
    if named == "kubernetes-ca":
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, named)])
    jane = old_fashioned_authority(tmp_path, subject)
    made = load_or_create_identity(tmp_path / "ours", NAMES, None, str(tmp_path / "clients.crt"))
    assert (tmp_path / "ours" / "ca.crt.replaced").exists() == (named != "kubernetes-ca")
    server = tls_context(made, [str(tmp_path / "clients.crt")])
    admin = (made.admin, "kubernetes-admin")
    for pair, name in (admin, (jane, "jane"), admin):
        client = ssl.create_default_context(cafile=str(made.ca.certificate))
        client.load_cert_chain(pair.certificate, pair.key)
        peer = handshake(server, client)
        assert peer["subject"][-1] == (("commonName", name),)


def test_an_authority_that_is_trusted_twice_is_kept(tmp_path: Path) -> None:
    made = load_or_create_identity(tmp_path, NAMES, None)
    before = contents(made)
    load_or_create_identity(tmp_path, NAMES, None, str(made.ca.certificate))
    assert contents(made) == before


def test_a_kubeconfig_holds_all_that_kubectl_needs(tmp_path: Path) -> None:
    made = load_or_create_identity(tmp_path, NAMES, None)
    path = tmp_path / "admin.kubeconfig"
    write_kubeconfig(path, "https://localhost:1", made)
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "server: https://localhost:1\n" in text
    for field in ("certificate-authority-data", "client-certificate-data", "client-key-data"):
        assert f"{field}: " in text


def test_the_certificate_store_is_back_after_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/mine")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with without_system_ca():
        assert os.environ["SSL_CERT_FILE"] == os.devnull
    assert os.environ["SSL_CERT_FILE"] == "/mine"
    assert "SSL_CERT_DIR" not in os.environ
