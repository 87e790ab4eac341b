"""Keys that sign and verify tokens, read from PEM files.

A key id is a digest of the public key, so keys can be rotated while tokens of the old one are still
in use. Keys are parsed with the first token, not at startup, because that imports large libraries.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from apiserver.machinery.valueclasses import valueclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey as _ECPrivate
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey as _ECPublic
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey as _RSAPrivate
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey as _RSAPublic

    Private: TypeAlias = _ECPrivate | _RSAPrivate
    Public: TypeAlias = _ECPublic | _RSAPublic

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_PARAMETERS: Final = b"EC PARAMETERS"
_RSA_ALGORITHM: Final = "RS256"
_EC_ALGORITHMS: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class UnusableKey(ValueError):
    """A file holds no key of a supported type."""


@valueclass
class SigningKey:
    """A signing key with its id and algorithm."""

    key_id: str
    algorithm: str
    private: Private


@valueclass
class VerificationKey:
    """A public key that verifies signatures."""

    key_id: str
    algorithm: str
    public: Public

    def as_jwk(self) -> dict[str, Any]:
        """Return the key as a JSON Web Key, RFC 7517."""
        from jwt.algorithms import ECAlgorithm, RSAAlgorithm

        maker = RSAAlgorithm if self.algorithm == _RSA_ALGORITHM else ECAlgorithm
        shown: dict[str, Any] = maker.to_jwk(cast("Any", self.public), as_dict=True)
        shown.pop("key_ops", None)
        kty = shown.pop("kty")
        return {"use": "sig", "kty": kty, "kid": self.key_id, "alg": self.algorithm, **shown}


class KeyRing:
    """The keys of a server: the signing key, and all keys that verify tokens.

    ``signing`` is a private key and ``verification`` are files of public keys, all as PEM. They are
    parsed on first use, which raises UnusableKey.
    """

    def __init__(self, signing: bytes, verification: Sequence[bytes] = ()) -> None:
        self._signing = signing
        self._verification = tuple(verification)

    @cached_property
    def signing(self) -> SigningKey:
        """The key that signs new tokens."""
        key = load_private(self._signing)
        public = key.public_key()
        return SigningKey(_key_id(public), _algorithm(public), key)

    @cached_property
    def verification_keys(self) -> tuple[VerificationKey, ...]:
        """All keys that verify tokens, that of the signing key included."""
        signing = self.signing
        keys = [VerificationKey(signing.key_id, signing.algorithm, signing.private.public_key())]
        for pem in self._verification:
            keys += [
                VerificationKey(_key_id(key), _algorithm(key), key) for key in load_public(pem)
            ]
        return tuple({key.key_id: key for key in keys}.values())

    def named(self, key_id: str) -> Sequence[VerificationKey]:
        """Return the keys that may have signed a token with this key id, which may be empty."""
        if not key_id:
            return self.verification_keys
        return [key for key in self.verification_keys if key.key_id == key_id]


def check_pem(pem: bytes, *, private: bool) -> None:
    """Raise UnusableKey for a file that obviously holds no keys. Keys are not parsed."""
    names = [block[1] for block in _BLOCK.finditer(pem)]
    if private and not any(name.endswith(b"PRIVATE KEY") for name in names):
        raise UnusableKey("it holds no private key")
    if not names:
        raise UnusableKey("it holds no key")


def new_private_pem() -> bytes:
    """Generate a private key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    # Elliptic keys are fast to generate and have short signatures.
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load_private(pem: bytes) -> Private:
    """Load a private key, RSA or elliptic. Raises UnusableKey."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    for block in _blocks(pem):
        if block[1].endswith(b"PRIVATE KEY"):
            try:
                key = load_pem_private_key(block[0], password=None)
            except (ValueError, TypeError, UnsupportedAlgorithm) as error:
                raise UnusableKey(str(error)) from error
            _algorithm(key.public_key())
            return cast("Private", key)
    raise UnusableKey("it holds no private key")


def load_public(pem: bytes) -> list[Public]:
    """Load all public keys of a file: plain ones, of private keys and of certificates.

    Raises UnusableKey.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    keys: list[Any] = []
    for block in _blocks(pem):
        try:
            if block[1].endswith(b"PRIVATE KEY"):
                keys.append(load_private(block[0]).public_key())
            elif block[1] == b"CERTIFICATE":
                keys.append(load_pem_x509_certificate(block[0]).public_key())
            else:
                keys.append(load_pem_public_key(block[0]))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise UnusableKey(str(error)) from error
        _algorithm(keys[-1])
    if not keys:
        raise UnusableKey("it holds no key")
    return keys


def _blocks(pem: bytes) -> list[re.Match[bytes]]:
    return [block for block in _BLOCK.finditer(pem) if block[1] != _PARAMETERS]


def _algorithm(public: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(public, RSAPublicKey):
        return _RSA_ALGORITHM
    if isinstance(public, EllipticCurvePublicKey) and public.curve.name in _EC_ALGORITHMS:
        return _EC_ALGORITHMS[public.curve.name]
    raise UnusableKey("only RSA and elliptic keys of P-256, P-384 and P-521 sign tokens")


def _key_id(public: Public) -> str:
    from cryptography.hazmat.primitives import serialization

    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashlib.sha256(der).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
