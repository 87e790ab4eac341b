"""ClusterSigner: signs the requests of clients and kubelets with a CA of the cluster.

What a certificate has of its request is the key, the usual attributes of the subject and the
alternative names; no other extension is taken over. It begins five minutes ago, for clocks that are
behind, and ends before the CA does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

_BACKDATE: Final = timedelta(minutes=5)
#: Certificates that last at least so long also end earlier by that.
_LONG: Final = timedelta(hours=8)
_SHORTEST: Final = timedelta(minutes=10)

#: Attributes of the subject that Go's library knows by name: it drops all others.
_ATTRIBUTES: Final = frozenset(
    [
        "COUNTRY_NAME", "ORGANIZATION_NAME", "ORGANIZATIONAL_UNIT_NAME", "LOCALITY_NAME",
        "STATE_OR_PROVINCE_NAME", "STREET_ADDRESS", "POSTAL_CODE", "COMMON_NAME", "SERIAL_NUMBER",
    ]
)  # fmt: skip
_KEY_USAGES: Final = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "data encipherment": "data_encipherment",
    "key agreement": "key_agreement",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
_EXTENDED: Final = {
    "any": "2.5.29.37.0",
    "server auth": "1.3.6.1.5.5.7.3.1",
    "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5",
    "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
    "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
    "netscape sgc": "2.16.840.1.113730.4.1",
}


class ClusterSigner:
    """Signs with the CA in two PEM files, which are read for every certificate.

    ``longest`` is the longest, and the usual, lifetime of a certificate in seconds.
    """

    def __init__(self, certificate: Path, key: Path, longest: float) -> None:
        self._certificate = certificate
        self._key = key
        self._longest = timedelta(seconds=longest)

    def sign(self, request: bytes, usages: Sequence[str], seconds: int | None) -> bytes:
        """Return the certificate for a request, both in PEM. Raises ValueError and OSError."""
        # Imported with the first request: it takes longer than the start of the server.
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

        asked = x509.load_pem_x509_csr(request)
        authority = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        key = load_pem_private_key(self._key.read_bytes(), password=None)
        begin, end = self._period(seconds, authority.not_valid_after_utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_subject(asked.subject))
            .issuer_name(authority.subject)
            .public_key(asked.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_authority_key(authority), critical=False)
        )
        for extension, critical in _extensions(asked, usages):
            builder = builder.add_extension(extension, critical=critical)
        certificate = builder.sign(key, _hash(key))  # type: ignore[arg-type]
        return certificate.public_bytes(Encoding.PEM)

    def _period(self, seconds: int | None, last: datetime) -> tuple[datetime, datetime]:
        now = datetime.now(UTC)
        if now >= last:
            raise ValueError(f"the signer has expired: NotAfter={last}")
        lifetime = self._longest
        if seconds is not None:
            lifetime = min(self._longest, max(_SHORTEST, timedelta(seconds=seconds)))
        end = now + lifetime - (_BACKDATE if lifetime >= _LONG else timedelta())
        return now - _BACKDATE, min(end, last)


def _subject(asked: x509.Name) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    known = {getattr(NameOID, name) for name in _ATTRIBUTES}
    return x509.Name([each for each in asked if each.oid in known])


def _extensions(
    asked: x509.CertificateSigningRequest, usages: Sequence[str]
) -> list[tuple[x509.ExtensionType, bool]]:
    """Return the extensions, and whether each is critical. Raises ValueError."""
    from cryptography import x509

    unknown = [each for each in usages if each not in _KEY_USAGES and each not in _EXTENDED]
    if unknown:
        raise ValueError(f"unrecognized usage values: {unknown}")
    found: list[tuple[x509.ExtensionType, bool]] = []
    bits = {_KEY_USAGES[usage] for usage in usages if usage in _KEY_USAGES}
    if bits:
        chosen = {name: name in bits for name in set(_KEY_USAGES.values())}
        if not chosen["key_agreement"]:
            # They restrict the use of the agreed key, and have no meaning without one.
            chosen["encipher_only"] = chosen["decipher_only"] = False
        found.append((x509.KeyUsage(**chosen), True))
    purposes = dict.fromkeys(_EXTENDED[usage] for usage in usages if usage in _EXTENDED)
    if purposes:
        identifiers = [x509.ObjectIdentifier(text) for text in purposes]
        found.append((x509.ExtendedKeyUsage(identifiers), False))
    names = _alternative_names(asked)
    if names:
        critical = not list(asked.subject)
        found.append((x509.SubjectAlternativeName(names), critical))
    return found


def _alternative_names(asked: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    from cryptography import x509

    try:
        extension = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    kinds = x509.DNSName, x509.RFC822Name, x509.IPAddress, x509.UniformResourceIdentifier
    return [name for name in extension.value if isinstance(name, kinds)]


def _authority_key(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    from cryptography import x509

    try:
        own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        public = authority.public_key()
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public)  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)


def _hash(key: object) -> hashes.SHA256 | None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256()
