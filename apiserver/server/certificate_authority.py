"""A certificate authority: keys and certificates as PEM. The only user of cryptography here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from apiserver.machinery.valueclasses import valueclass

_LIFETIME: Final = timedelta(days=3650)
# Tolerates clock skew: a new certificate must be valid on a machine that is behind.
_SKEW: Final = timedelta(hours=1)


@valueclass
class IssuedCertificate:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


@valueclass
class CertificateAuthority:
    """A CA that issues certificates."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def server_certificate(self, name: str, names: Sequence[str]) -> IssuedCertificate:
        """Issue a serving certificate for host names and IP addresses."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternatives = x509.SubjectAlternativeName([_general_name(each) for each in names])
        return self._issue(subject, ExtendedKeyUsageOID.SERVER_AUTH, alternatives)

    def client_certificate(self, user: str, groups: Sequence[str]) -> IssuedCertificate:
        """Issue a client certificate for a user and its groups."""
        organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        common_name = x509.NameAttribute(NameOID.COMMON_NAME, user)
        return self._issue(
            x509.Name([*organizations, common_name]), ExtendedKeyUsageOID.CLIENT_AUTH, None
        )

    def is_issuer_of(self, certificate: bytes) -> bool:
        """Return whether a PEM certificate is signed by this CA."""
        try:
            x509.load_pem_x509_certificate(certificate).verify_directly_issued_by(self.certificate)
        except Exception:  # noqa: BLE001 - the library raises its own, ValueError and TypeError
            return False
        return True

    def _issue(
        self,
        subject: x509.Name,
        usage: ObjectIdentifier,
        alternatives: x509.SubjectAlternativeName | None,
    ) -> IssuedCertificate:
        key = _new_key()
        builder = (
            _builder(subject, self.certificate.subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        return IssuedCertificate(_pem(certificate), _key_pem(key))


def new_authority(name: str) -> IssuedCertificate:
    """Create a self-signed CA."""
    key = _new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return IssuedCertificate(_pem(certificate), _key_pem(key))


def load_authority(certificate: bytes, key: bytes) -> CertificateAuthority:
    """Load a CA from PEM. Raises ValueError."""
    loaded = serialization.load_pem_private_key(key, password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise ValueError("the key of the CA is not an elliptic one")
    return CertificateAuthority(x509.load_pem_x509_certificate(certificate), loaded)


def shares_name_only(one: bytes, other: bytes) -> bool:
    """Return whether two DER certificates have the same subject and different keys."""
    first, second = x509.load_der_x509_certificate(one), x509.load_der_x509_certificate(other)
    if first.subject != second.subject:
        return False
    return first.public_key() != second.public_key()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
