"""Keys as files hold them, and as others are shown them."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from apiserver.access.serviceaccounts.issuer import CONFIGURATION, KEYS, IssuerDocuments
from apiserver.access.serviceaccounts.token_keys import (
    KeyRing,
    UnusableKey,
    check_pem,
    load_private,
    load_public,
    new_private_pem,
)

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
RSA = rsa.generate_private_key(65537, 2048)


def private_pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    layout: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
) -> bytes:
    return key.private_bytes(PEM, layout, serialization.NoEncryption())


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def certificate_pem(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(PEM)


@pytest.mark.parametrize(
    ("pem", "algorithm"),
    [
        (private_pem(RSA), "RS256"),
        (private_pem(RSA, serialization.PrivateFormat.TraditionalOpenSSL), "RS256"),
        (private_pem(ec.generate_private_key(ec.SECP256R1())), "ES256"),
        (private_pem(ec.generate_private_key(ec.SECP384R1())), "ES384"),
        (private_pem(ec.generate_private_key(ec.SECP521R1())), "ES512"),
        (new_private_pem(), "ES256"),
    ],
)
def test_the_key_says_by_which_algorithm_it_signs(pem: bytes, algorithm: str) -> None:
    check_pem(pem, private=True)
    assert KeyRing(pem).signing.algorithm == algorithm


def test_a_key_is_known_by_the_digest_of_its_public_part() -> None:
    der = RSA.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    assert KeyRing(private_pem(RSA)).signing.key_id == digest


@pytest.mark.parametrize("pem", [public_pem(RSA), certificate_pem(RSA), private_pem(RSA)])
def test_files_of_many_sorts_hold_public_keys(pem: bytes) -> None:
    check_pem(pem, private=False)
    other = private_pem(ec.generate_private_key(ec.SECP256R1()))
    assert len(load_public(b"# a comment\n" + pem + other)) == 2


def test_a_key_that_is_named_twice_counts_once() -> None:
    ring = KeyRing(private_pem(RSA), [public_pem(RSA), certificate_pem(RSA)])
    assert [key.key_id for key in ring.verification_keys] == [ring.signing.key_id]


@pytest.mark.parametrize("pem", [b"", b"nothing", public_pem(RSA)])
def test_a_file_without_a_private_key_is_refused_at_a_glance(pem: bytes) -> None:
    with pytest.raises(UnusableKey):
        check_pem(pem, private=True)


@pytest.mark.parametrize(
    "pem",
    [
        private_pem(ed25519.Ed25519PrivateKey.generate()),
        private_pem(ec.generate_private_key(ec.SECP256K1())),
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_a_key_of_another_sort_is_refused(pem: bytes) -> None:
    with pytest.raises(UnusableKey):
        load_private(pem)
    with pytest.raises(UnusableKey):
        load_public(pem)


def test_the_documents_of_an_issuer_show_its_keys() -> None:
    ring = KeyRing(private_pem(RSA), [new_private_pem()])
    documents = IssuerDocuments("https://issuer", "https://keys", ring)
    assert set(documents) == {CONFIGURATION, KEYS}
    assert json.loads(documents[CONFIGURATION]) == {
        "issuer": "https://issuer",
        "jwks_uri": "https://keys",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
    }
    first, second = json.loads(documents[KEYS])["keys"]
    assert first.pop("n")
    assert first == {
        "use": "sig", "kty": "RSA", "kid": ring.signing.key_id, "alg": "RS256", "e": "AQAB",
    }  # fmt: skip
    assert (second["kty"], second["crv"], second["alg"]) == ("EC", "P-256", "ES256")
    with pytest.raises(KeyError):
        documents["/other"]


def test_an_issuer_that_is_no_url_has_no_documents() -> None:
    assert dict(IssuerDocuments("kubernetes", "https://keys", KeyRing(new_private_pem()))) == {}
