"""Whether a certificate and a private key belong together, in the words of Go's crypto/tls.

The cryptography library is slow to load, so this module is imported when there is a pair to look
at.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_private_key

from apiserver.resources.builtin.certificates import pem
from apiserver.resources.builtin.certificates.der import single_certificate_problem

_CERTIFICATE: Final = "CERTIFICATE"
_KEY: Final = "PRIVATE KEY"
_CURVES: Final = ("secp224r1", "secp256r1", "secp384r1", "secp521r1")
_NO_MATCH: Final = "tls: private key does not match public key"
_OTHER_TYPE: Final = "tls: private key type does not match public key type"
_UNKNOWN_TYPE: Final = "tls: unknown public key algorithm"


class _Problem(ValueError):
    """A part of the pair cannot be read; the text says why."""


def key_pair_problem(certificate: bytes, key: bytes) -> str:
    """Return why the first certificate and the first key of two PEM texts are no pair, or ``""``.

    The factors of an RSA key are not checked: that takes too long for a warning.
    """
    try:
        return _mismatch(_certificate_block(certificate), _key_block(key))
    except _Problem as problem:
        return str(problem)


def _mismatch(certificate: bytes, key: bytes) -> str:
    problem = single_certificate_problem(certificate)
    if problem:
        return problem
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
    except (UnsupportedAlgorithm, ValueError):
        public = None
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name not in _CURVES:
        return "x509: unsupported elliptic curve"
    private = _private_key(key)
    for public_type, private_type in (
        (rsa.RSAPublicKey, rsa.RSAPrivateKey),
        (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey),
        (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey),
    ):
        if isinstance(public, public_type):
            if not isinstance(private, private_type):
                return _OTHER_TYPE
            return "" if private.public_key() == public else _NO_MATCH
    return _UNKNOWN_TYPE


def _certificate_block(text: bytes) -> bytes:
    skipped: list[str] = []
    at = 0
    while (block := pem.decode(text, at)) is not None:
        type_, at = block.type.decode("utf-8", "replace"), block.rest
        if type_ == _CERTIFICATE:
            return block.content
        skipped.append(type_)
    if not skipped:
        raise _Problem("tls: failed to find any PEM data in certificate input")
    if len(skipped) == 1 and skipped[0].endswith(_KEY):
        raise _Problem(
            "tls: failed to find certificate PEM data in certificate input, but did find a private "
            "key; PEM inputs may have been switched"
        )
    raise _Problem(
        f'tls: failed to find "{_CERTIFICATE}" PEM block in certificate input after skipping PEM '
        f"blocks of the following types: [{' '.join(skipped)}]"
    )


def _key_block(text: bytes) -> bytes:
    skipped: list[str] = []
    at = 0
    while (block := pem.decode(text, at)) is not None:
        type_, at = block.type.decode("utf-8", "replace"), block.rest
        if type_ == _KEY or type_.endswith(f" {_KEY}"):
            return block.content
        skipped.append(type_)
    if not skipped:
        raise _Problem("tls: failed to find any PEM data in key input")
    if skipped == [_CERTIFICATE]:
        raise _Problem("tls: found a certificate rather than a key in the PEM for the private key")
    raise _Problem(
        f'tls: failed to find PEM block with type ending in "{_KEY}" in key input after skipping '
        f"PEM blocks of the following types: [{' '.join(skipped)}]"
    )


def _private_key(der: bytes) -> PrivateKeyTypes:
    unreadable = _Problem("tls: failed to parse private key")
    try:
        key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except (UnsupportedAlgorithm, ValueError, TypeError) as error:
        raise unreadable from error
    if isinstance(key, x25519.X25519PrivateKey):
        raise _Problem("tls: found unknown private key type in PKCS#8 wrapping")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.name not in _CURVES:
            raise unreadable
    elif not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise unreadable
    return key
