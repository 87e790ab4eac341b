"""KMSProvider: envelope encryption with keys that a KMS plugin encrypts (KEP-3299).

A random seed encrypts the values, each with a key that HKDF derives from the seed and 32 random
bytes. The plugin encrypts the seed, once for each of its own keys; the encrypted seed is stored
with every value. So a write needs no call, and a read needs one for a seed not seen before.

The plugin is asked for its status every minute, and every ten seconds while it fails. If it has
another key, a new seed is made, and values of the old key are stale. If it fails for three minutes,
writes fail; reads with known seeds do not. Seeds that it could not decrypt are tried again with its
status: when one can be decrypted, everything is read again.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from google.protobuf.message import DecodeError

from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.encryption.key_ciphers import AESGCMCipher, DecryptError, KeyCipher
from apiserver.registry.encryption.kms_service import (
    Annotation,
    EncryptedKey,
    EncryptedObject,
    KMSError,
    KMSService,
    KMSStatus,
)
from apiserver.registry.encryption.providers import EncryptError, joined

HEALTHY_INTERVAL: Final = 60.0
UNHEALTHY_INTERVAL: Final = 10.0
#: For so long after it was last healthy a plugin's key encrypts, in seconds.
WRITE_SECONDS: Final = 180.0
#: An encrypted key and the id of the key that encrypted it are at most so long, in bytes.
_LONGEST_KEY: Final = 1024
_LONGEST_ANNOTATIONS: Final = 32 * 1024
_SEED: Final = 32
_INFO: Final = 32
#: Values of the field encryptedDEKSourceType.
_AES_GCM_KEY, _AES_GCM_SEED = 0, 1
_MAX_KNOWN: Final = 1000
#: How many sources are tried again with one status.
_MAX_RETRIED: Final = 20
_VERSIONS: Final = frozenset(["v2", "v2beta1"])

log = logging.getLogger(__name__)


class SeedCipher:
    """AES-GCM with a key for every value, derived from a seed by HKDF-Expand (RFC 5869)."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed

    def encrypt(self, value: bytes, authenticated: bytes) -> bytes:
        """Return the ciphertext, preceded by the random info that derives its key."""
        info = os.urandom(_INFO)
        return info + self._derived(info).encrypt(value, authenticated)

    def decrypt(self, data: bytes, authenticated: bytes) -> bytes:
        """Return the value. Raises DecryptError."""
        if len(data) < _INFO:
            raise DecryptError("the stored data was shorter than the required size")
        return self._derived(data[:_INFO]).decrypt(data[_INFO:], authenticated)

    def _derived(self, info: bytes) -> AESGCMCipher:
        # A key is as long as the hash, so it is the first block of the expansion.
        return AESGCMCipher(hmac.digest(self._seed, info + b"\x01", "sha256"))


@valueclass
class _Seed:
    """The seed that encrypts, and the fields of the stored form that are the same for all."""

    cipher: SeedCipher
    envelope: Any
    #: When it may no longer encrypt, on the monotonic clock.
    expires: float


@valueclass
class _FailedSource:
    """An encrypted seed or key that the plugin could not decrypt, and why."""

    encrypted: EncryptedKey
    source_type: int
    failure: str


class KMSProvider:
    """The values that are encrypted with the help of one plugin.

    ``changed`` is called when values that were read before may be decrypted differently now.
    """

    def __init__(self, name: str, service: KMSService, changed: Callable[[], None]) -> None:
        self.name = name
        self.prefix = b"k8s:enc:kms:v2:" + name.encode() + b":"
        self._service = service
        self._changed = changed
        self._seed: _Seed | None = None
        self._version = ""
        self._known: dict[bytes, KeyCipher] = {}
        # What could not be decrypted, by source; the longest ago is the next to be tried again.
        self._failed: dict[bytes, _FailedSource] = {}
        # Why the plugin could not be reached, until it is healthy again.
        self._unreachable = ""
        self._due = asyncio.Event()
        #: Why the plugin is not healthy, empty if it is.
        self.failure = "its status is not known yet"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask the plugin for its status, now and from time to time."""
        await self.probe()
        self._task = asyncio.create_task(self._run(), name=f"kms-{self.name}")

    async def stop(self) -> None:
        """Stop probing, and close the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._service.close()

    async def encrypt(self, value: bytes, authenticated: bytes) -> bytes:
        seed = self._current(EncryptError)
        if time.monotonic() > seed.expires:
            raise EncryptError(f"encryptedDEKSource of the KMS provider {self.name} has expired")
        envelope = EncryptedObject()
        envelope.CopyFrom(seed.envelope)
        envelope.encryptedData = seed.cipher.encrypt(value, authenticated)
        return self.prefix + bytes(envelope.SerializeToString())

    async def decrypt(self, data: bytes, authenticated: bytes) -> tuple[bytes, bool]:
        try:
            envelope = EncryptedObject.FromString(data[len(self.prefix) :])
        except DecodeError as error:
            raise DecryptError(f"proto: cannot parse invalid wire-format data: {error}") from error
        _validate(envelope)
        current = self._current(DecryptError).envelope
        cipher = await self._cipher(envelope)
        value = cipher.decrypt(envelope.encryptedData, authenticated)
        stale = (envelope.keyID, envelope.encryptedDEKSourceType) != (
            current.keyID,
            current.encryptedDEKSourceType,
        )
        return value, stale

    async def probe(self) -> None:
        """Ask the plugin for its status, and make a seed if its key is a new one."""
        before = self._seed
        try:
            problems = await self._problems(await self._service.status())
        except KMSError as error:
            problems = [f"failed to perform status section of the healthz check: {error}"]
        failure = joined(problems)
        if failure and failure != self.failure:
            log.warning("the KMS provider %s is not healthy: %s", self.name, failure)
        self.failure = failure
        if failure:
            return
        self._unreachable = ""
        after = self._seed
        renewed = before is not None and after is not None and before.cipher is not after.cipher
        if await self._decrypts_again() or renewed or before is None:
            self._changed()

    async def _decrypts_again(self) -> bool:
        """Return whether the plugin decrypts a source that it could not decrypt before."""
        for source, failed in list(self._failed.items())[:_MAX_RETRIED]:
            del self._failed[source]
            try:
                await self._decrypted(source, failed.encrypted, failed.source_type)
            except DecryptError:
                if self._unreachable:
                    return False
            else:
                # Maybe the others can be decrypted, too: they are tried when they are read.
                self._failed.clear()
                return True
        return False

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    UNHEALTHY_INTERVAL if self.failure else HEALTHY_INTERVAL
                ):
                    await self._due.wait()
            self._due.clear()
            await self.probe()

    async def _problems(self, status: KMSStatus) -> list[str]:
        problems = []
        if status.healthz != "ok":
            problems.append(f"got unexpected healthz status: {status.healthz}")
        self._version = self._version or status.version
        if status.version not in _VERSIONS or status.version != self._version:
            problems.append(f"expected KMSv2 API version v2, got {status.version}")
        try:
            _validate_key_id(status.key_id)
            await self._renew(status.key_id)
        except DecryptError as error:
            problems.append(f"got invalid KMSv2 KeyID: {error}")
        except KMSError as error:
            problems.append(f"failed to rotate DEK: {error}")
        return problems

    async def _renew(self, key_id: str) -> None:
        """Prolong the seed, or replace it if the plugin's key is another one. Raises KMSError."""
        expires = time.monotonic() + WRITE_SECONDS
        seed = self._seed
        if seed is not None and seed.envelope.keyID == key_id:
            self._seed = _Seed(seed.cipher, seed.envelope, expires)
            return
        secret = os.urandom(_SEED)
        encrypted = await self._service.encrypt(str(uuid4()), secret)
        if encrypted.key_id != key_id:
            raise KMSError("the key of Encrypt is not that of Status")
        envelope = EncryptedObject(
            keyID=key_id,
            encryptedDEKSource=encrypted.ciphertext,
            annotations=[Annotation(key=k, value=v) for k, v in encrypted.annotations.items()],
            encryptedDEKSourceType=_AES_GCM_SEED,
        )
        try:
            _validate_source(envelope)
        except DecryptError as error:
            raise KMSError(str(error)) from error
        cipher = SeedCipher(secret)
        self._remember(_source(envelope), cipher)
        self._seed = _Seed(cipher, envelope, expires)

    async def _cipher(self, envelope: Any) -> KeyCipher:
        source = _source(envelope)
        known = self._known.get(source)
        if known is not None:
            return known
        failed = self._failed.get(source)
        if failed is not None:
            raise DecryptError(failed.failure)
        encrypted = EncryptedKey(
            envelope.encryptedDEKSource,
            envelope.keyID,
            {each.key: each.value for each in envelope.annotations},
        )
        source_type = envelope.encryptedDEKSourceType
        if self._unreachable:
            # There may be thousands of such values, and each call would cost a timeout.
            raise self._failure(source, _FailedSource(encrypted, source_type, self._unreachable))
        return await self._decrypted(source, encrypted, source_type)

    async def _decrypted(
        self, source: bytes, encrypted: EncryptedKey, source_type: int
    ) -> KeyCipher:
        """Have the plugin decrypt a source. Raises DecryptError."""
        try:
            secret = await self._service.decrypt(str(uuid4()), encrypted)
            cipher = _cipher_of(secret, source_type)
        except (KMSError, DecryptError) as error:
            failure = f"failed to decrypt DEK, error: {error}"
            if isinstance(error, KMSError) and error.unreachable:
                self._unreachable = failure
                self._due.set()
            raise self._failure(source, _FailedSource(encrypted, source_type, failure)) from error
        self._remember(source, cipher)
        return cipher

    def _failure(self, source: bytes, failed: _FailedSource) -> DecryptError:
        """Record a source that could not be decrypted; return the error."""
        if len(self._failed) < _MAX_KNOWN:
            self._failed[source] = failed
        return DecryptError(failed.failure)

    def _remember(self, source: bytes, cipher: KeyCipher) -> None:
        if len(self._known) >= _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[source] = cipher

    def _current(self, kind: type[Exception]) -> _Seed:
        if self._seed is None:
            raise kind("got unexpected nil transformer")
        return self._seed


def _cipher_of(secret: bytes, source_type: int) -> KeyCipher:
    if source_type == _AES_GCM_KEY:
        if len(secret) not in (16, 24, 32):
            raise DecryptError(f"crypto/aes: invalid key size {len(secret)}")
        return AESGCMCipher(secret)
    if len(secret) < _SEED:
        raise DecryptError(f"invalid seed length {len(secret)} used for key generation")
    return SeedCipher(secret)


def _source(envelope: Any) -> bytes:
    """Return the identity of an encrypted key."""
    annotations = sorted((each.key, each.value) for each in envelope.annotations)
    fields = (
        envelope.encryptedDEKSourceType,
        envelope.encryptedDEKSource,
        envelope.keyID,
        annotations,
    )
    return repr(fields).encode()


def _validate(envelope: Any) -> None:
    """Raise DecryptError for an envelope that kube-apiserver would not write."""
    if envelope.encryptedDEKSourceType not in (_AES_GCM_KEY, _AES_GCM_SEED):
        raise DecryptError(f"unknown encryptedDEKSourceType: {envelope.encryptedDEKSourceType}")
    if not envelope.encryptedData:
        raise DecryptError("encrypted data is empty")
    _validate_source(envelope)


def _validate_source(envelope: Any) -> None:
    size = len(envelope.encryptedDEKSource)
    prefix = "failed to validate encrypted DEK source: encrypted DEK source is"
    if not size:
        raise DecryptError(f"{prefix} empty")
    if size > _LONGEST_KEY:
        raise DecryptError(f"{prefix} {size} bytes, which exceeds the max size of {_LONGEST_KEY}")
    _validate_key_id(envelope.keyID)
    size = sum(len(each.key) + len(each.value) for each in envelope.annotations)
    if size > _LONGEST_ANNOTATIONS:
        raise DecryptError(
            f"failed to validate annotations: total size of annotations is {size}, "
            f"which exceeds the max size of {_LONGEST_ANNOTATIONS}"
        )


def _validate_key_id(key_id: str) -> None:
    size = len(key_id.encode())
    if not size:
        raise DecryptError("failed to validate key id: keyID is empty")
    if size > _LONGEST_KEY:
        raise DecryptError(
            f"failed to validate key id: keyID is {size} bytes, "
            f"which exceeds the max size of {_LONGEST_KEY}"
        )
