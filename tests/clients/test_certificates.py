"""Certificates: existing files are served and kept; client certificates."""

from __future__ import annotations

import http.client
import shutil
import signal
import socket
import ssl
from pathlib import Path

import pytest

from apiserver.server.pki import CertificateNames, Identity, load_or_create_identity
from tests.clients.conftest import ON_SQLITE
from tests.clients.https import connect, get, port_of
from tests.server_process import ServerProcess, running_server
from tests.waiting import wait_until

MEMORY = "--storage=memory://"
NAMES = CertificateNames(["localhost"])


def certificate_served(server: ServerProcess, ca: Path, name: str = "localhost") -> bytes | None:
    """Return the certificate of a server that ``ca`` must have issued for ``name``."""
    context = ssl.create_default_context(cafile=str(ca))
    with (
        socket.create_connection(("127.0.0.1", port_of(server))) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        return tls.getpeercert(binary_form=True)


def test_a_certificate_that_is_there_already_is_served(tmp_path: Path) -> None:
    theirs = load_or_create_identity(tmp_path / "theirs", NAMES, None)
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    for name in ("apiserver.crt", "apiserver.key"):
        shutil.copy(tmp_path / "theirs" / name, certificates)
    before = (certificates / "apiserver.crt").read_bytes()
    flags = (MEMORY, f"--cert-dir={certificates}", "--tls-san=not.in.it")
    with running_server(tmp_path / "data", *flags) as server:
        served = certificate_served(server, theirs.ca.certificate)
        assert served == ssl.PEM_cert_to_DER_cert(before.decode())
    assert (certificates / "apiserver.crt").read_bytes() == before


def test_a_new_name_makes_a_new_certificate_of_the_same_authority(tmp_path: Path) -> None:
    identity = load_or_create_identity(tmp_path / "certificates", NAMES, None)
    authority, old = identity.ca.certificate.read_bytes(), identity.serving.certificate.read_text()
    flags = (MEMORY, f"--cert-dir={tmp_path / 'certificates'}", "--tls-san=new.example.com")
    with running_server(tmp_path / "data", *flags) as server:
        served = certificate_served(server, identity.ca.certificate, "new.example.com")
        assert served != ssl.PEM_cert_to_DER_cert(old)
    assert identity.ca.certificate.read_bytes() == authority


@ON_SQLITE
def test_client_certificates_of_another_authority_are_taken_where_it_is_named(
    server: ServerProcess, tmp_path: Path
) -> None:
    theirs = load_or_create_identity(tmp_path / "theirs", NAMES, None)
    with pytest.raises(OSError):  # noqa: PT011 - an alert, or a reset before it is read
        status_for(theirs, server)
    flags = (MEMORY, f"--client-ca-file={theirs.ca.certificate}")
    with running_server(tmp_path / "data", *flags) as welcoming:
        assert status_for(theirs, welcoming) == 200


def status_for(identity: Identity, server: ServerProcess) -> int:
    """Return how a server answers a client of an identity, which does not know the server's CA."""
    context = ssl.create_default_context(cafile=str(server.ca))
    context.load_cert_chain(identity.admin.certificate, identity.admin.key)
    connection = http.client.HTTPSConnection("localhost", port_of(server), context=context)
    try:
        connection.request("GET", "/api/v1/namespaces/default")
        return connection.getresponse().status
    finally:
        connection.close()


def issuer(server: ServerProcess, identity: Identity) -> tuple[str, int]:
    """Return who issued the certificate of a server, and its answer to a client of ``identity``."""
    context = ssl.create_default_context(cafile=str(identity.ca.certificate))
    context.load_cert_chain(identity.admin.certificate, identity.admin.key)
    connection = http.client.HTTPSConnection("localhost", port_of(server), context=context)
    connection.request("GET", "/api/v1/namespaces")
    answer = connection.getresponse()
    answer.read()
    found = connection.sock.getpeercert()
    connection.close()
    return str(found["issuer"]), answer.status


def test_a_running_server_takes_new_certificates_authorities_and_tokens(tmp_path: Path) -> None:
    first, second = (load_or_create_identity(tmp_path / n, NAMES, None) for n in ("1", "2"))
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
        connection = connect(server, second.ca.certificate)
        assert get(connection, "/api/v1/namespaces")[0] == 403
        connection.close()
        assert "Traceback" not in server.log
