"""Secrets of TLS: clients are warned of a certificate and a key that are no pair."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from tests.unit.resources.writing import Kind

KIND = Kind("v1", "Secret")
FORMATS = {"PKCS8": PrivateFormat.PKCS8, "traditional": PrivateFormat.TraditionalOpenSSL}


@cache
def key(name: str) -> Any:
    kind = name.partition(" ")[0]
    match kind:
        case "rsa":
            return rsa.generate_private_key(65537, 1024)
        case "ec":
            return ec.generate_private_key(ec.SECP256R1())
        case "curve":
            return ec.generate_private_key(ec.SECP256K1())
        case "dsa":
            return dsa.generate_private_key(1024)
        case "x25519":
            return x25519.X25519PrivateKey.generate()
    return ed25519.Ed25519PrivateKey.generate()


def key_pem(name: str, form: str = "PKCS8") -> bytes:
    text: bytes = key(name).private_bytes(Encoding.PEM, FORMATS[form], NoEncryption())
    return text


@cache
def certificate(name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    built = (
        x509.CertificateBuilder(subject, subject, key(name).public_key(), 7)
        .not_valid_before(moment)
        .not_valid_after(moment)
        .sign(key(name), None if name.startswith("ed") else hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM)


def block(type_: str, content: bytes) -> bytes:
    body = b64encode(content).decode()
    return f"-----BEGIN {type_}-----\n{body}\n-----END {type_}-----\n".encode()


def der(text: bytes) -> bytes:
    return b64decode(b"".join(text.splitlines()[1:-1]))


def warnings(crt: bytes, key: bytes) -> list[str]:
    data = {"tls.crt": b64encode(crt).decode(), "tls.key": b64encode(key).decode()}
    made = KIND.create({"metadata": {"name": "a"}, "type": "kubernetes.io/tls", "data": data})
    assert made.errors == []
    assert KIND.update(made, made.object).warnings == made.warnings
    return made.warnings


@pytest.mark.parametrize(
    ("name", "form"),
    [("rsa", "PKCS8"), ("rsa", "traditional"), ("ec", "PKCS8"), ("ec", "traditional"),
     ("ed", "PKCS8")],
)  # fmt: skip
def test_nothing_is_said_of_a_pair(name: str, form: str) -> None:
    assert warnings(certificate(name) + certificate("rsa other"), key_pem(name, form)) == []
    # What stands before the key is skipped.
    parameters = block("EC PARAMETERS", b"\6\0")
    assert warnings(b"text\n" + certificate(name), parameters + key_pem(name, form)) == []


NOT_FOUND = "tls: failed to find "
SKIPPED = "after skipping PEM blocks of the following types: "
PAIRS = [
    (b"", b"", f"{NOT_FOUND}any PEM data in certificate input"),
    (certificate("ec"), b"x", f"{NOT_FOUND}any PEM data in key input"),
    (
        key_pem("ec"),
        certificate("ec"),
        f"{NOT_FOUND}certificate PEM data in certificate input, but did find a private key; PEM "
        "inputs may have been switched",
    ),
    (
        block("A", b"a") + block("B", b"b"),
        b"",
        f'{NOT_FOUND}"CERTIFICATE" PEM block in certificate input {SKIPPED}[A B]',
    ),
    (
        certificate("ec"),
        certificate("ec"),
        "tls: found a certificate rather than a key in the PEM for the private key",
    ),
    (
        certificate("ec"),
        certificate("ec") * 2,
        f'{NOT_FOUND}PEM block with type ending in "PRIVATE KEY" in key input {SKIPPED}'
        "[CERTIFICATE CERTIFICATE]",
    ),
    (block("CERTIFICATE", b"no"), key_pem("ec"), "x509: malformed certificate"),
    (
        block("CERTIFICATE", der(certificate("ec")) + b"x"),
        key_pem("ec"),
        "x509: trailing data",
    ),
    (certificate("curve"), key_pem("ec"), "x509: unsupported elliptic curve"),
    (certificate("ec"), block("PRIVATE KEY", b"no"), "tls: failed to parse private key"),
    (certificate("ec"), key_pem("curve"), "tls: failed to parse private key"),
    (certificate("ec"), key_pem("dsa"), "tls: failed to parse private key"),
    (
        certificate("ec"),
        key_pem("x25519"),
        "tls: found unknown private key type in PKCS#8 wrapping",
    ),
    (certificate("dsa"), key_pem("ec"), "tls: unknown public key algorithm"),
    *(
        (certificate(left), key_pem(right), "tls: private key type does not match public key type")
        for left, right in [("rsa", "ec"), ("ec", "ed"), ("ed", "rsa")]
    ),
    *(
        (certificate(name), key_pem(f"{name} other"), "tls: private key does not match public key")
        for name in ("rsa", "ec", "ed")
    ),
]


@pytest.mark.parametrize(("crt", "key", "warning"), PAIRS, ids=[pair[2] for pair in PAIRS])
def test_what_keeps_two_texts_from_being_a_pair_is_said(
    crt: bytes, key: bytes, warning: str
) -> None:
    assert warnings(crt, key) == [warning]


def test_secrets_of_other_types_may_hold_anything() -> None:
    made = KIND.create({"metadata": {"name": "a"}, "data": {"tls.crt": "", "tls.key": ""}})
    assert made.warnings == []
