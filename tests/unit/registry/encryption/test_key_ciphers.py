"""Ciphers of one key: formats, what they authenticate, and what cannot be decrypted."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apiserver.registry.encryption.key_ciphers import (
    AESCBCCipher,
    AESGCMCipher,
    DecryptError,
    KeyCipher,
    SecretboxCipher,
)
from apiserver.registry.encryption.kms_provider import SeedCipher

SECRET = bytes(range(32))
KEY = b"/registry/secrets/default/x"
CIPHERS: list[KeyCipher] = [
    AESCBCCipher(SECRET),
    AESGCMCipher(SECRET),
    SecretboxCipher(SECRET),
    SeedCipher(SECRET),
]
# Of NaCl's own tests: tests/box.c, with the key that the two parties agree on.
NACL_KEY = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
NACL_NONCE = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")


@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: type(cipher).__name__)
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 100_000])
def test_what_is_encrypted_can_be_decrypted(cipher: KeyCipher, size: int) -> None:
    value = bytes(size)
    stored = cipher.encrypt(value, KEY)
    assert cipher.decrypt(stored, KEY) == value
    assert stored != cipher.encrypt(value, KEY), "the nonce is random"


@pytest.mark.parametrize("cipher", [CIPHERS[1], CIPHERS[3]], ids=["gcm", "seed"])
def test_what_was_copied_to_another_key_cannot_be_decrypted(cipher: KeyCipher) -> None:
    with pytest.raises(DecryptError, match="cipher: message authentication failed"):
        cipher.decrypt(cipher.encrypt(b"value", KEY), KEY + b"y")


def test_gcm_is_a_nonce_of_twelve_bytes_and_the_ciphertext() -> None:
    stored = AESGCMCipher(SECRET).encrypt(b"value", KEY)
    assert AESGCM(SECRET).decrypt(stored[:12], stored[12:], KEY) == b"value"


def test_cbc_is_a_block_and_the_padded_ciphertext() -> None:
    stored = AESCBCCipher(SECRET).encrypt(b"value", KEY)
    decryptor = Cipher(algorithms.AES(SECRET), modes.CBC(stored[:16])).decryptor()
    assert decryptor.update(stored[16:]) + decryptor.finalize() == b"value" + b"\x0b" * 11


def test_secretbox_is_that_of_nacl() -> None:
    cipher = SecretboxCipher(NACL_KEY)
    beginning = bytes.fromhex("be075fc53c81f2d5cf141316ebeb0c7b")
    sealed = cipher._seal(beginning, NACL_NONCE, NACL_KEY)
    # The tag is of a longer message there; the keystream is the same.
    assert sealed[16:] == bytes.fromhex("8e993b9f48681273c29650ba32fc76ce")
    assert cipher.decrypt(NACL_NONCE + sealed, b"") == beginning


@pytest.mark.parametrize(
    ("cipher", "data", "message"),
    [
        (AESCBCCipher(SECRET), b"short", "the stored data was shorter than the required size"),
        (AESCBCCipher(SECRET), bytes(20), "the stored data is not a multiple of the block size"),
        (AESCBCCipher(SECRET), bytes(16), r"invalid PKCS7 data \(empty or not padded\)"),
        (AESGCMCipher(SECRET), b"short", "the stored data was shorter than the required size"),
        (AESGCMCipher(SECRET), bytes(20), "cipher: message authentication failed"),
        (AESGCMCipher(SECRET), bytes(40), "cipher: message authentication failed"),
        (SecretboxCipher(SECRET), bytes(39), "the stored data was shorter than the required size"),
        (
            SecretboxCipher(SECRET),
            bytes(60),
            "output array was not large enough for encryption",
        ),
        (SeedCipher(SECRET), bytes(31), "the stored data was shorter than the required size"),
    ],
)
def test_what_cannot_be_decrypted(cipher: KeyCipher, data: bytes, message: str) -> None:
    with pytest.raises(DecryptError, match=message):
        cipher.decrypt(data, KEY)


def test_a_wrong_key_shows_in_the_padding() -> None:
    stored = AESCBCCipher(SECRET).encrypt(b"value" * 100, KEY)
    results = set()
    for number in range(20):
        try:
            AESCBCCipher(bytes([number]) * 32).decrypt(stored, KEY)
        except DecryptError as error:
            results.add(str(error))
    assert results <= {
        "invalid padding on input",
        "invalid PKCS7 data (empty or not padded)",
    }
    assert results
