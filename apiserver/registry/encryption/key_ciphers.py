"""The ciphers of one key: AES-CBC, AES-GCM and XSalsa20-Poly1305 (secretbox).

``authenticated`` is the key in the store. A value that is copied to another key cannot be decrypted
with AES-GCM; the other two do not authenticate it, as in kube-apiserver. Every value has a random
nonce, which precedes its ciphertext.
"""

from __future__ import annotations

import os
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_BLOCK: Final = 16
_GCM_NONCE: Final = 12
_GCM_TAG: Final = 16
_SECRETBOX_NONCE: Final = 24
_SECRETBOX_TAG: Final = 16
_TOO_SHORT: Final = "the stored data was shorter than the required size"


class DecryptError(ValueError):
    """The data cannot be decrypted; the message is that of kube-apiserver."""


class KeyCipher(Protocol):
    """Encrypts and decrypts with one key."""

    def encrypt(self, value: bytes, authenticated: bytes) -> bytes:
        """Return the ciphertext, with its nonce."""
        ...

    def decrypt(self, data: bytes, authenticated: bytes) -> bytes:
        """Return the value. Raises DecryptError."""
        ...


class AESCBCCipher:
    """AES-CBC with the padding of PKCS#7."""

    def __init__(self, secret: bytes) -> None:
        self._algorithm = algorithms.AES(secret)

    def encrypt(self, value: bytes, authenticated: bytes) -> bytes:
        nonce = os.urandom(_BLOCK)
        padding = _BLOCK - len(value) % _BLOCK
        encryptor = Cipher(self._algorithm, modes.CBC(nonce)).encryptor()
        return nonce + encryptor.update(value + bytes([padding]) * padding) + encryptor.finalize()

    def decrypt(self, data: bytes, authenticated: bytes) -> bytes:
        if len(data) < _BLOCK:
            raise DecryptError(_TOO_SHORT)
        if len(data) % _BLOCK:
            raise DecryptError("the stored data is not a multiple of the block size")
        decryptor = Cipher(self._algorithm, modes.CBC(data[:_BLOCK])).decryptor()
        padded = decryptor.update(data[_BLOCK:]) + decryptor.finalize()
        padding = padded[-1] if padded else 0
        if not 0 < padding <= len(padded):
            raise DecryptError("invalid PKCS7 data (empty or not padded)")
        if not padded.endswith(bytes([padding]) * padding):
            raise DecryptError("invalid padding on input")
        return padded[:-padding]


class AESGCMCipher:
    """AES-GCM with nonces of 96 bits."""

    def __init__(self, secret: bytes) -> None:
        self._aead = AESGCM(secret)

    def encrypt(self, value: bytes, authenticated: bytes) -> bytes:
        nonce = os.urandom(_GCM_NONCE)
        return nonce + self._aead.encrypt(nonce, value, authenticated)

    def decrypt(self, data: bytes, authenticated: bytes) -> bytes:
        if len(data) < _GCM_NONCE:
            raise DecryptError(_TOO_SHORT)
        if len(data) < _GCM_NONCE + _GCM_TAG:
            raise DecryptError("cipher: message authentication failed")
        try:
            return self._aead.decrypt(data[:_GCM_NONCE], data[_GCM_NONCE:], authenticated)
        except InvalidTag as error:
            raise DecryptError("cipher: message authentication failed") from error


class SecretboxCipher:
    """XSalsa20-Poly1305, as in NaCl."""

    def __init__(self, secret: bytes) -> None:
        # Imported by the first configuration that uses it.
        from nacl import bindings, exceptions

        self._seal, self._open = bindings.crypto_secretbox, bindings.crypto_secretbox_open
        self._forged = exceptions.CryptoError
        self._secret = secret

    def encrypt(self, value: bytes, authenticated: bytes) -> bytes:
        nonce = os.urandom(_SECRETBOX_NONCE)
        return nonce + self._seal(value, nonce, self._secret)

    def decrypt(self, data: bytes, authenticated: bytes) -> bytes:
        if len(data) < _SECRETBOX_NONCE + _SECRETBOX_TAG:
            raise DecryptError(_TOO_SHORT)
        try:
            return self._open(data[_SECRETBOX_NONCE:], data[:_SECRETBOX_NONCE], self._secret)
        except self._forged as error:
            raise DecryptError("output array was not large enough for encryption") from error
