"""Providers of encryption, chosen by the prefix of the stored value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from apiserver.registry.encryption.key_ciphers import DecryptError, KeyCipher
from apiserver.registry.stored import IDENTITY_REFUSES

ENCRYPTED: Final = b"k8s:enc:"


class EncryptError(Exception):
    """A value cannot be encrypted now; the message says why."""


class Provider(Protocol):
    """One provider of a resource. ``prefix`` begins the values that it may decrypt."""

    prefix: bytes

    async def encrypt(self, value: bytes, authenticated: bytes) -> bytes:
        """Return the bytes to store, with the prefix. Raises EncryptError."""
        ...

    async def decrypt(self, data: bytes, authenticated: bytes) -> tuple[bytes, bool]:
        """Return the value, and whether it is stale. Raises DecryptError.

        ``data`` begins with the prefix.
        """
        ...


class IdentityProvider:
    """Values that are not encrypted."""

    prefix = b""

    async def encrypt(self, value: bytes, authenticated: bytes) -> bytes:
        return value

    async def decrypt(self, data: bytes, authenticated: bytes) -> tuple[bytes, bool]:
        if data.startswith(ENCRYPTED):
            raise DecryptError(IDENTITY_REFUSES)
        return data, False


class KeyProvider:
    """Several keys of one cipher; the first encrypts. ``family`` names the cipher in errors."""

    def __init__(self, prefix: bytes, keys: Sequence[tuple[str, KeyCipher]], family: str) -> None:
        self.prefix = prefix
        self._keys = [(prefix + name.encode() + b":", cipher) for name, cipher in keys]
        self._first = self._keys[0]
        self._family = family

    async def encrypt(self, value: bytes, authenticated: bytes) -> bytes:
        prefix, cipher = self._first
        return prefix + cipher.encrypt(value, authenticated)

    async def decrypt(self, data: bytes, authenticated: bytes) -> tuple[bytes, bool]:
        errors: list[str] = []
        for prefix, cipher in self._keys:
            if data.startswith(prefix):
                try:
                    value = cipher.decrypt(data[len(prefix) :], authenticated)
                except DecryptError as error:
                    errors.append(str(error))
                else:
                    return value, cipher is not self._first[1]
        raise DecryptError(
            joined(errors)
            or f"no matching key was found for the provided {self._family} transformer"
        )


class ResourceProviders:
    """The providers of a resource, in their order."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = providers

    async def encrypt(self, value: bytes, authenticated: bytes) -> bytes:
        """Return the bytes to store. Raises EncryptError."""
        return await self._providers[0].encrypt(value, authenticated)

    async def decrypt(self, data: bytes, authenticated: bytes) -> tuple[bytes, bool]:
        """Return the value, and whether it is stale. Raises DecryptError."""
        errors: list[str] = []
        for provider in self._providers:
            if not data.startswith(provider.prefix):
                continue
            try:
                value, stale = await provider.decrypt(data, authenticated)
            except DecryptError as error:
                # Plain values have no prefix that would show that the next provider is meant.
                if provider.prefix:
                    errors.append(str(error))
            else:
                return value, stale or provider is not self._providers[0]
        raise DecryptError(joined(errors) or "no matching prefix found")


def joined(errors: Sequence[str]) -> str:
    """Return the message of several errors: one as it is, more in brackets."""
    texts = list(dict.fromkeys(errors))
    return f"[{', '.join(texts)}]" if len(texts) > 1 else "".join(texts)
