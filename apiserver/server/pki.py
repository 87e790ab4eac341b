"""The identity of a server: CA, serving certificate and the administrator's client certificate.

Missing files are created on the first start and kept in the certificate directory. Servers that
share the directory share the identity; a lock serialises its creation. A serving certificate from
another CA is used as it is. One of this CA is reissued if it lacks a required name.

OpenSSL selects the CA of a client certificate by its name, and tries no other if the signature is
wrong. The CA is therefore replaced if another one of its name is to be trusted as well.

Keys are elliptic: they are fast to generate, and handshakes with them are cheap.
"""

from __future__ import annotations

import logging
import secrets
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from apiserver.machinery.valueclasses import valueclass
from apiserver.server.files import exclusive, make_directory, write_private

if TYPE_CHECKING:
    from apiserver.server.certificate_authority import CertificateAuthority, IssuedCertificate

log = logging.getLogger(__name__)

#: The prefix of the name of a CA, which gets a random suffix.
CA_NAME: Final = "kubernetes-ca"
ADMIN_NAME: Final = "kubernetes-admin"
ADMIN_GROUP: Final = "system:masters"

# DER tags of a DNS name and of an IP address in a subject alternative name.
_DNS_NAME: Final = 0x82
_IP_ADDRESS: Final = 0x87
_SHORT_FORM: Final = 127


class IdentityError(ValueError):
    """The existing files cannot be used."""


@valueclass
class KeyPair:
    """The PEM files of a certificate and its key."""

    certificate: Path
    key: Path

    @classmethod
    def named(cls, directory: Path, name: str) -> KeyPair:
        """Return the key pair ``name`` in a directory."""
        return cls(directory / f"{name}.crt", directory / f"{name}.key")

    @property
    def exists(self) -> bool:
        """Whether both files exist."""
        return self.certificate.is_file() and self.key.is_file()

    def check_complete(self) -> None:
        """Raise IdentityError if only one of the files exists."""
        if self.certificate.is_file() != self.key.is_file():
            raise IdentityError(f"of {self.certificate} and {self.key} only one is there")


@valueclass
class Identity:
    """The key pairs of the CA, the server and its administrator."""

    ca: KeyPair
    serving: KeyPair
    admin: KeyPair


@valueclass
class CertificateNames:
    """The names in a serving certificate; ``optional`` ones are added to new certificates only."""

    required: Sequence[str]
    optional: Sequence[str] = ()


def load_or_create_identity(
    directory: Path, names: CertificateNames, serving: KeyPair | None, client_ca: str = ""
) -> Identity:
    """Return the identity in ``directory``; create missing files.

    ``serving`` is a given serving certificate; without it one is issued for ``names``.
    ``client_ca`` is a file of CAs that are trusted in addition. Raises IdentityError or OSError.
    """
    make_directory(directory)
    kept = KeyPair.named(directory, "apiserver")
    found = Identity(
        KeyPair.named(directory, "ca"), serving or kept, KeyPair.named(directory, "admin")
    )
    replaced = bool(client_ca) and shares_name(found.ca.certificate, Path(client_ca))
    if replaced or not _is_complete(found, names, given=serving is not None):
        with exclusive(directory):
            # Another server may have replaced it in the meantime.
            if replaced and shares_name(found.ca.certificate, Path(client_ca)):
                _retire(found, given=serving is not None)
            _create_missing(found, names, given=serving is not None)
    return found


def covers(certificate: Path, names: Sequence[str]) -> bool:
    """Return whether a certificate contains all ``names``."""
    der = ssl.PEM_cert_to_DER_cert(_first_certificate(certificate))
    return all(_encoded(name) in der for name in names)


def shares_name(authority: Path, others: Path) -> bool:
    """Return whether one of several CAs has the name of ``authority`` and another key."""
    if not authority.is_file():
        return False
    names = {str(each["subject"]) for each in _authorities(authority).get_ca_certs()}
    rivals = _authorities(others)
    if not any(str(each["subject"]) in names for each in rivals.get_ca_certs()):
        return False
    from apiserver.server.certificate_authority import shares_name_only

    own = ssl.PEM_cert_to_DER_cert(_first_certificate(authority))
    return any(shares_name_only(own, each) for each in rivals.get_ca_certs(binary_form=True))


def _authorities(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise IdentityError(f"{path}: {error.reason or error}") from error
    return context


def _retire(found: Identity, *, given: bool) -> None:
    """Rename the old CA, and remove the certificates that it issued."""
    log.warning(
        "%s has the name of a CA of --client-ca-file; a new one replaces it", found.ca.certificate
    )
    authority = _load(found.ca)
    for pair in (found.admin,) if given else (found.admin, found.serving):
        if pair.exists and authority.is_issuer_of(pair.certificate.read_bytes()):
            pair.certificate.unlink()
            pair.key.unlink()
    for path in (found.ca.certificate, found.ca.key):
        path.rename(path.with_name(f"{path.name}.replaced"))


def _is_complete(found: Identity, names: CertificateNames, *, given: bool) -> bool:
    if not (found.ca.exists and found.serving.exists and found.admin.exists):
        return False
    return given or covers(found.serving.certificate, names.required)


def _create_missing(found: Identity, names: CertificateNames, *, given: bool) -> None:
    # Imported late: usually no file is missing, and cryptography is slow to import.
    from apiserver.server.certificate_authority import new_authority

    for pair in (found.ca, found.serving, found.admin):
        pair.check_complete()
    if not found.ca.exists:
        _write(found.ca, new_authority(f"{CA_NAME}@{secrets.token_hex(4)}"))
    authority = _load(found.ca)
    if given and not found.serving.exists:
        raise IdentityError(f"{found.serving.certificate}: no such file")
    if not found.serving.exists or (not given and _is_outdated(found, authority, names)):
        bears = tuple(dict.fromkeys([*names.required, *names.optional]))
        _write(found.serving, authority.server_certificate("apiserver", bears))
    if not found.admin.exists:
        _write(found.admin, authority.client_certificate(ADMIN_NAME, [ADMIN_GROUP]))


def _is_outdated(found: Identity, authority: CertificateAuthority, names: CertificateNames) -> bool:
    certificate = found.serving.certificate
    if covers(certificate, names.required):
        return False
    return authority.is_issuer_of(certificate.read_bytes())


def _load(pair: KeyPair) -> CertificateAuthority:
    from apiserver.server.certificate_authority import load_authority

    try:
        return load_authority(pair.certificate.read_bytes(), pair.key.read_bytes())
    except ValueError as error:
        raise IdentityError(f"{pair.certificate}, {pair.key}: {error}") from error


def _write(pair: KeyPair, issued: IssuedCertificate) -> None:
    write_private(pair.key, issued.key)
    write_private(pair.certificate, issued.certificate)


def _first_certificate(path: Path) -> str:
    text = path.read_text(encoding="ascii", errors="replace")
    begin, end = text.find(ssl.PEM_HEADER), text.find(ssl.PEM_FOOTER)
    if not 0 <= begin < end:
        raise IdentityError(f"{path} holds no certificate")
    return text[begin : end + len(ssl.PEM_FOOTER)]


def _encoded(name: str) -> bytes:
    try:
        address = ip_address(name).packed
    except ValueError:
        encoded = name.encode()
        long_form = b"\x81" if len(encoded) > _SHORT_FORM else b""
        return bytes([_DNS_NAME]) + long_form + bytes([len(encoded)]) + encoded
    return bytes([_IP_ADDRESS, len(address)]) + address
