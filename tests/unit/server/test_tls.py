"""What the flags of TLS allow, seen from a client."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from apiserver.server.ciphers import CIPHER_SUITES
from apiserver.server.pki import CertificateNames, Identity, load_or_create_identity
from apiserver.server.tls import tls_context

ECDSA = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    directory = tmp_path_factory.mktemp("identity")
    return load_or_create_identity(directory, CertificateNames(["localhost"]), None)


def agreed(server: ssl.SSLContext, newest: ssl.TLSVersion) -> tuple[str | None, str]:
    """Return the version and the cipher that a client of at most ``newest`` agrees on."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.maximum_version = newest
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    cipher = ours.cipher()
    return ours.version(), cipher[0] if cipher else ""


def test_tls_1_2_is_the_least(identity: Identity) -> None:
    assert agreed(tls_context(identity, []), ssl.TLSVersion.TLSv1_2)[0] == "TLSv1.2"


def test_a_client_without_the_least_version_is_turned_away(identity: Identity) -> None:
    server = tls_context(identity, [], "VersionTLS13")
    assert agreed(server, ssl.TLSVersion.TLSv1_3)[0] == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        agreed(server, ssl.TLSVersion.TLSv1_2)


def test_only_the_named_cipher_suites_are_offered(identity: Identity) -> None:
    server = tls_context(identity, [], cipher_suites=[ECDSA])
    assert agreed(server, ssl.TLSVersion.TLSv1_2)[1] == CIPHER_SUITES[ECDSA]


def test_suites_of_tls_1_3_alone_leave_nothing_older(identity: Identity) -> None:
    server = tls_context(identity, [], cipher_suites=["TLS_AES_128_GCM_SHA256"])
    with pytest.raises(ssl.SSLError):
        agreed(server, ssl.TLSVersion.TLSv1_2)


@pytest.mark.parametrize("name", [name for name, known in CIPHER_SUITES.items() if known])
def test_every_name_is_known_to_openssl(identity: Identity, name: str) -> None:
    tls_context(identity, [], cipher_suites=[name])


def test_authorities_have_names_of_their_own(tmp_path: Path) -> None:
    subjects = set()
    for name in ("one", "two"):
        made = load_or_create_identity(tmp_path / name, CertificateNames(["localhost"]), None)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_verify_locations(made.ca.certificate)
        subjects.update(str(each["subject"]) for each in context.get_ca_certs())
    assert len(subjects) == 2
